@testable import Attest

// The library's names where the native ones, which are the same, are imported too.
typealias Library = Attest
typealias LibraryError = AttestError
