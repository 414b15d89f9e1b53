// Keys in the shape of Security's: the Secure Enclave's place is memory of the process, the signatures are OpenSSL's.

import Foundation
import StandInCrypto

public final class SecKey: Sendable {
    let scalar: [UInt8]?
    let point: [UInt8]

    init?(scalar: [UInt8]) {
        var point = [UInt8](repeating: 0, count: Int(STAND_IN_POINT))
        guard stand_in_point(scalar, &point) == 1 else { return nil }
        self.scalar = scalar
        self.point = point
    }

    init(point: [UInt8]) {
        scalar = nil
        self.point = point
    }
}

public func SecKeyGetTypeID() -> CFTypeID { 1 }

public func CFGetTypeID(_ reference: CFTypeRef) -> CFTypeID { reference is SecKey ? 1 : 0 }

public func SecKeyCreateRandomKey(
    _ parameters: CFDictionary, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> SecKey? {
    let keychain = StandInKeychain.shared
    func fail(_ status: OSStatus) -> SecKey? {
        error?.pointee = Unmanaged.passRetained(CFError(status))
        return nil
    }
    if let status = keychain.refusal(of: "SecKeyCreateRandomKey") { return fail(status) }
    let asked = parameters.entries
    guard let attributes = asked[kSecPrivateKeyAttrs] as? [String: Any],
        let tag = attributes[kSecAttrApplicationTag] as? Data,
        let access = attributes[kSecAttrAccessControl] as? SecAccessControl,
        asked[kSecAttrTokenID] as? String == kSecAttrTokenIDSecureEnclave,
        asked[kSecAttrKeySizeInBits] as? Int == 256,
        access.protection == kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        access.flags == .privateKeyUsage
    else { return fail(errSecParam) }
    var scalar = [UInt8](repeating: 0, count: Int(STAND_IN_SCALAR))
    guard stand_in_generate(&scalar) == 1, let key = SecKey(scalar: scalar) else { return fail(errSecIO) }
    keychain.keep(key, tag: tag)
    return key
}

public func SecKeyCopyPublicKey(_ key: SecKey) -> SecKey? { SecKey(point: key.point) }

public func SecKeyCopyExternalRepresentation(
    _ key: SecKey, _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    guard key.scalar == nil else {
        error?.pointee = Unmanaged.passRetained(CFError(errSecParam))
        return nil
    }
    return Data(key.point)
}

public func SecKeyCreateSignature(
    _ key: SecKey, _ algorithm: SecKeyAlgorithm, _ message: CFData,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> CFData? {
    func fail(_ status: OSStatus) -> CFData? {
        error?.pointee = Unmanaged.passRetained(CFError(status))
        return nil
    }
    if let status = StandInKeychain.shared.refusal(of: "SecKeyCreateSignature") { return fail(status) }
    guard let scalar = key.scalar else { return fail(errSecParam) }
    let bytes = [UInt8](message)
    var der = [UInt8](repeating: 0, count: Int(STAND_IN_DER_MAX))
    var length = 0
    guard stand_in_sign(scalar, bytes, bytes.count, &der, &length) == 1 else { return fail(errSecIO) }
    return Data(der.prefix(length))
}

public func SecKeyVerifySignature(
    _ key: SecKey, _ algorithm: SecKeyAlgorithm, _ message: CFData, _ signature: CFData,
    _ error: UnsafeMutablePointer<Unmanaged<CFError>?>?
) -> Bool {
    let bytes = [UInt8](message)
    let der = [UInt8](signature)
    return stand_in_verify(key.point, bytes, bytes.count, der, der.count) == 1
}
