import XCTest

@testable import BankModel

/// Tests with an app of their own, which ends with each, and none of which may hang.
@MainActor
class StoryTestCase: XCTestCase {
    var story: Story?
    private var guardian: Guardian?

    override func setUp() async throws {
        guardian = Guardian(name)
    }

    override func tearDown() async throws {
        story?.model.close()
        guardian?.rest()
    }
}
