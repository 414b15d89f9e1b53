import Foundation

/// As much of CBOR as App Attest writes.
indirect enum Cbor {
    case number(Int)
    case text(String)
    case bytes(Data)
    case list([Cbor])
    case map([(Cbor, Cbor)])

    var data: Data {
        switch self {
        case .number(let number): return number < 0 ? Self.head(1, -1 - number) : Self.head(0, number)
        case .bytes(let bytes): return Self.head(2, bytes.count) + bytes
        case .text(let text): return Self.head(3, text.utf8.count) + Data(text.utf8)
        case .list(let values): return values.reduce(into: Self.head(4, values.count)) { $0 += $1.data }
        case .map(let members): return members.reduce(into: Self.head(5, members.count)) { $0 += $1.0.data + $1.1.data }
        }
    }

    private static func head(_ kind: UInt8, _ count: Int) -> Data {
        let kind = kind << 5
        if count < 24 { return Data([kind | UInt8(count)]) }
        if count < 256 { return Data([kind | 24, UInt8(count)]) }
        return Data([kind | 25, UInt8(count >> 8), UInt8(count & 0xff)])
    }
}
