import Foundation
import XCTest

/// The contract's scenario about bytes: the library that apps link gives what Rust's own tests say it must.
final class BytesTests: XCTestCase {
    func testSameBytes() throws {
        let contract = try JSONSerialization.jsonObject(with: Data(contentsOf: linkFolder.appendingPathComponent("contract.json")))
        let cases = try XCTUnwrap(contract as? [[String: Any]])
        XCTAssertGreaterThanOrEqual(cases.count, 6)
        for named in cases {
            let given = try XCTUnwrap(attestDevBytes(canonical(XCTUnwrap(named["case"]))), "\(named["name"] ?? "")")
            defer { attestDevFree(given) }
            let gives = try JSONSerialization.jsonObject(with: Data(String(cString: given).utf8))
            XCTAssertEqual(try canonical(gives), try canonical(try XCTUnwrap(named["gives"])), "\(named["name"] ?? "")")
        }
        XCTAssertNil(attestDevBytes("{}"))
    }

    private func canonical(_ value: Any) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: value, options: .sortedKeys), as: UTF8.self)
    }
}

// Of builds for tests alone.
@_silgen_name("attest_dev_bytes")
private func attestDevBytes(_ text: UnsafePointer<CChar>) -> UnsafeMutablePointer<CChar>?

@_silgen_name("attest_dev_free")
private func attestDevFree(_ text: UnsafeMutablePointer<CChar>)
