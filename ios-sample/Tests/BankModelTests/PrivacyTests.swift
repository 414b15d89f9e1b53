import Foundation
import XCTest

/// The privacy manifest against what the native library calls: Apple refuses apps whose library names a function of its list
/// without the category.
final class PrivacyTests: XCTestCase {
    /// Apple's functions that need a reason, as far as C code can call them.
    private static let categories = [
        "NSPrivacyAccessedAPICategoryFileTimestamp": [
            "stat", "fstat", "fstatat", "lstat", "getattrlist", "fgetattrlist", "getattrlistat", "getattrlistbulk",
        ],
        "NSPrivacyAccessedAPICategorySystemBootTime": ["mach_absolute_time"],
        "NSPrivacyAccessedAPICategoryDiskSpace": [
            "statfs", "fstatfs", "statvfs", "fstatvfs", "getattrlist", "fgetattrlist", "getattrlistat",
        ],
    ]

    func testNamesTheCategoryOfEveryFunctionOfApplesList() throws {
        let lines = try Checkout.text("attest-mobile/link/ios.txt").split(separator: "\n").filter { !$0.hasPrefix("#") }
        let used = Set(lines.compactMap { $0.split(separator: " ").dropFirst().first.map(String.init) })
        XCTAssertTrue(used.contains("stat"), "the list is not as it was")
        for (category, functions) in Self.categories {
            let needed = used.intersection(functions)
            if !needed.isEmpty { XCTAssertNotNil(try reasons()[category], "\(category): \(needed)") }
        }
    }

    func testHasTheReasonsThatThePageExplains() throws {
        let page = try Checkout.text("docs/ios.md")
        XCTAssertEqual(
            try reasons(),
            [
                "NSPrivacyAccessedAPICategoryFileTimestamp": ["C617.1"],
                "NSPrivacyAccessedAPICategorySystemBootTime": ["35F9.1"],
            ])
        for (category, reasons) in try reasons() {
            XCTAssertTrue(page.contains(category.replacingOccurrences(of: "NSPrivacyAccessedAPICategory", with: "")), category)
            for reason in reasons { XCTAssertTrue(page.contains(reason), reason) }
        }
    }

    func testTracksNobody() throws {
        let manifest = try manifest()
        XCTAssertEqual(manifest["NSPrivacyTracking"] as? Bool, false)
        XCTAssertEqual((manifest["NSPrivacyTrackingDomains"] as? [String])?.count, 0)
        let collected = try XCTUnwrap(manifest["NSPrivacyCollectedDataTypes"] as? [[String: Any]])
        XCTAssertFalse(collected.isEmpty)
        for kind in collected {
            XCTAssertEqual(kind["NSPrivacyCollectedDataTypeTracking"] as? Bool, false)
            XCTAssertEqual(
                kind["NSPrivacyCollectedDataTypePurposes"] as? [String], ["NSPrivacyCollectedDataTypePurposeAppFunctionality"])
        }
    }

    private func reasons() throws -> [String: [String]] {
        let kinds = try XCTUnwrap(manifest()["NSPrivacyAccessedAPITypes"] as? [[String: Any]])
        return kinds.reduce(into: [:]) {
            $0[$1["NSPrivacyAccessedAPIType"] as? String ?? ""] = $1["NSPrivacyAccessedAPITypeReasons"] as? [String]
        }
    }

    private func manifest() throws -> [String: Any] {
        let text = try Checkout.text("attest-mobile/ios/Sources/Attest/PrivacyInfo.xcprivacy")
        let list = try PropertyListSerialization.propertyList(from: Data(text.utf8), format: nil)
        return try XCTUnwrap(list as? [String: Any])
    }
}
