// Stands in for Apple's CryptoKit on Linux: P-256 signatures and SHA-256 by OpenSSL, in CryptoKit's shape.

import Foundation
import StandInCrypto

public enum CryptoKitError: Error {
    case incorrectKeySize
    case underlyingCoreCryptoError(error: Int32)
}

public struct SHA256Digest: Sequence, Sendable {
    let bytes: [UInt8]

    public func makeIterator() -> Array<UInt8>.Iterator { bytes.makeIterator() }
}

public enum SHA256 {
    public static func hash<D: DataProtocol>(data: D) -> SHA256Digest {
        let message = [UInt8](data)
        var digest = [UInt8](repeating: 0, count: Int(STAND_IN_SHA256))
        precondition(stand_in_sha256(message, message.count, &digest) == 1)
        return SHA256Digest(bytes: digest)
    }
}

public enum P256 {
    public enum Signing {
        public struct PrivateKey: Sendable {
            public let rawRepresentation: Data

            public init(compactRepresentable: Bool = true) {
                var scalar = [UInt8](repeating: 0, count: Int(STAND_IN_SCALAR))
                precondition(stand_in_generate(&scalar) == 1)
                rawRepresentation = Data(scalar)
            }

            public init<D: ContiguousBytes>(rawRepresentation: D) throws {
                let scalar = rawRepresentation.withUnsafeBytes { Array($0) }
                guard scalar.count == Int(STAND_IN_SCALAR) else { throw CryptoKitError.incorrectKeySize }
                var point = [UInt8](repeating: 0, count: Int(STAND_IN_POINT))
                guard stand_in_point(scalar, &point) == 1 else {
                    throw CryptoKitError.underlyingCoreCryptoError(error: -1)
                }
                self.rawRepresentation = Data(scalar)
            }

            public var publicKey: PublicKey {
                var point = [UInt8](repeating: 0, count: Int(STAND_IN_POINT))
                precondition(stand_in_point([UInt8](rawRepresentation), &point) == 1)
                return PublicKey(point: Data(point))
            }

            public func signature<D: DataProtocol>(for data: D) throws -> ECDSASignature {
                let message = [UInt8](data)
                var der = [UInt8](repeating: 0, count: Int(STAND_IN_DER_MAX))
                var length = 0
                guard stand_in_sign([UInt8](rawRepresentation), message, message.count, &der, &length) == 1 else {
                    throw CryptoKitError.underlyingCoreCryptoError(error: -1)
                }
                return ECDSASignature(derRepresentation: Data(der.prefix(length)))
            }
        }

        public struct PublicKey: Sendable {
            public let x963Representation: Data

            init(point: Data) {
                x963Representation = point
            }

            public init<D: ContiguousBytes>(x963Representation: D) throws {
                let point = x963Representation.withUnsafeBytes { Data($0) }
                guard point.count == Int(STAND_IN_POINT) else { throw CryptoKitError.incorrectKeySize }
                self.init(point: point)
            }

            public func isValidSignature<D: DataProtocol>(_ signature: ECDSASignature, for data: D) -> Bool {
                let message = [UInt8](data)
                let der = [UInt8](signature.derRepresentation)
                return stand_in_verify([UInt8](x963Representation), message, message.count, der, der.count) == 1
            }
        }

        public struct ECDSASignature: Sendable {
            public let derRepresentation: Data

            public init(derRepresentation: Data) {
                self.derRepresentation = derRepresentation
            }

            public init<D: DataProtocol>(rawRepresentation: D) throws {
                let raw = [UInt8](rawRepresentation)
                guard raw.count == 64 else { throw CryptoKitError.incorrectKeySize }
                let integers = Self.integer(raw[..<32]) + Self.integer(raw[32...])
                derRepresentation = Data([0x30, UInt8(integers.count)] + integers)
            }

            public var rawRepresentation: Data {
                let bytes = [UInt8](derRepresentation)
                var at = 2
                var raw = Data()
                for _ in 0..<2 {
                    let length = Int(bytes[at + 1])
                    let number = bytes[(at + 2)..<(at + 2 + length)].drop { $0 == 0 }
                    raw += [UInt8](repeating: 0, count: 32 - number.count) + number
                    at += 2 + length
                }
                return raw
            }

            private static func integer(_ number: ArraySlice<UInt8>) -> [UInt8] {
                var short = Array(number.drop { $0 == 0 })
                if short.isEmpty || short[0] >= 0x80 { short.insert(0, at: 0) }
                return [0x02, UInt8(short.count)] + short
            }
        }
    }
}
