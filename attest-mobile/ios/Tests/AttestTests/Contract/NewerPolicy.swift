import Foundation

/// A policy bundle as a later service would serve it: the device policy of a development gateway, changed and signed again with that
/// gateway's own key. Gateways of today refuse to publish what they do not understand themselves.
final class NewerPolicy: @unchecked Sendable {
    private let gateway: Gateway
    private let engine: Int
    private let lock = NSLock()
    private var made: Data?

    /// Its policy needs engine `engine`.
    init(gateway: Gateway, engine: Int) {
        (self.gateway, self.engine) = (gateway, engine)
    }

    /// What takes the place of `bundle`: always the same, as a version is only signed once.
    func bundle(_ bundle: Data) throws -> Data {
        try lock.withLock {
            if let made { return made }
            let changed = try change(bundle)
            made = changed
            return changed
        }
    }

    private func change(_ bundle: Data) throws -> Data {
        var parts = try object(bundle)
        var artifacts = parts["artifacts"] as? [String: String] ?? [:]
        var device = try object(Data(artifacts["device.json", default: ""].utf8))
        device["engine_min"] = engine
        artifacts["device.json"] = String(decoding: try canonical(device), as: UTF8.self)
        parts["artifacts"] = artifacts
        parts["targets"] = try signed(parts["targets"], "targets", "device.json", artifacts["device.json"])
        parts["snapshot"] = try signed(parts["snapshot"], "meta", "targets.json", parts["targets"])
        parts["timestamp"] = try signed(parts["timestamp"], "meta", "snapshot.json", parts["snapshot"])
        return try canonical(parts)
    }

    /// TUF metadata that names another content of `name`.
    private func signed(_ metadata: Any?, _ list: String, _ name: String, _ content: Any?) throws -> String {
        let content = Data((content as? String ?? "").utf8)
        var metadata = try object(Data((metadata as? String ?? "").utf8))
        var signed = metadata["signed"] as? [String: Any] ?? [:]
        var named = signed[list] as? [String: [String: Any]] ?? [:]
        named[name]?["length"] = content.count
        named[name]?["hashes"] = ["sha256": try openssl(["-sha256"], content).hex]
        signed[list] = named
        metadata["signed"] = signed
        var signatures = metadata["signatures"] as? [[String: Any]] ?? []
        let key = gateway.file("keys/policy-root.pem").path
        signatures[0]["sig"] = try openssl(["-sha256", "-sign", key], canonical(signed)).hex
        metadata["signatures"] = signatures
        return String(decoding: try canonical(metadata), as: UTF8.self)
    }

    private func openssl(_ arguments: [String], _ input: Data) throws -> Data {
        let folder = try freshFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let (from, to) = (folder.appendingPathComponent("in"), folder.appendingPathComponent("out"))
        try input.write(to: from)
        try Program.run("/usr/bin/openssl", ["dgst"] + arguments + ["-binary", "-out", to.path, from.path])
        return try Data(contentsOf: to)
    }

    /// Canonical enough: none of these objects holds a character that canonical JSON writes in another way.
    private func canonical(_ value: Any) throws -> Data {
        try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys, .withoutEscapingSlashes])
    }

    private func object(_ data: Data) throws -> [String: Any] {
        try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
    }
}

extension Data {
    var hex: String { map { String(format: "%02x", $0) }.joined() }
}
