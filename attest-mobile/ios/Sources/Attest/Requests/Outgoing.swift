import AttestNative
import Foundation
#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A request of the app with its whole body in memory, as a token can be bound to it.
struct Outgoing: Sendable {
    private let request: URLRequest
    let native: Request

    /// - Throws: `misconfigured("url")` without a URL, `misconfigured("body-too-long")` beyond the bound, and `misconfigured("body-unreadable")`.
    init(_ request: URLRequest, bodyBytesMax: Int) throws {
        guard let url = request.url else { throw AttestError.misconfigured(code: "url") }
        var whole = request
        if let stream = request.httpBodyStream { whole.httpBody = try Self.read(stream, bytesMax: bodyBytesMax) }
        let body = whole.httpBody ?? Data()
        guard body.count <= bodyBytesMax else { throw AttestError.misconfigured(code: "body-too-long") }
        self.request = whole
        native = Request(
            method: request.httpMethod ?? "GET",
            url: url.absoluteString,
            body: body,
            authorization: request.value(forHTTPHeaderField: "Authorization")
        )
    }

    func carrying(_ authorization: Authorization) -> URLRequest {
        var request = request
        for header in authorization.headers { request.setValue(header.value, forHTTPHeaderField: header.name) }
        return request
    }

    private static func read(_ stream: InputStream, bytesMax: Int) throws -> Data {
        stream.open()
        defer { stream.close() }
        var body = Data()
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = stream.read(&part, maxLength: part.count)
            guard count >= 0 else { throw AttestError.misconfigured(code: "body-unreadable") }
            if count == 0 { return body }
            body += part[..<count]
            guard body.count <= bytesMax else { throw AttestError.misconfigured(code: "body-too-long") }
        }
    }
}

/// What a refusal can be in: a reply from 400 on, of which no more is looked at.
enum Problems {
    static let bytesMax = 64 << 10

    static func body(_ response: HTTPURLResponse, _ data: Data) -> Data {
        response.statusCode >= 400 && data.count <= bytesMax ? data : Data()
    }
}
