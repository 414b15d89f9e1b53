import Foundation

/// The 64 bytes r ‖ s of an ECDSA signature over P-256 in DER, as Security writes it; `nil` if it is none.
func rawSignature(der: Data) -> Data? {
    var rest = [UInt8](der)[...]
    guard rest.popFirst() == 0x30, let length = rest.popFirst(), Int(length) == rest.count else { return nil }
    var raw = Data()
    for _ in 0..<2 {
        guard rest.popFirst() == 0x02, let length = rest.popFirst(), (1...33).contains(length),
            rest.count >= length
        else { return nil }
        let number = rest.prefix(Int(length)).drop { $0 == 0 }
        rest = rest.dropFirst(Int(length))
        guard number.count <= 32 else { return nil }
        raw += [UInt8](repeating: 0, count: 32 - number.count) + number
    }
    return rest.isEmpty ? raw : nil
}
