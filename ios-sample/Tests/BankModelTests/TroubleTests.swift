import Attest
import Foundation
import XCTest

@testable import BankModel

/// What the app shows when gateway, policy or app are not as they should be.
@MainActor
final class TroubleTests: StoryTestCase {
    func testGoesOnWhenTheGatewayIsBack() async throws {
        let story = try started(Gateway())
        await story.model.onboard(name: "Anna")
        XCTAssertEqual(story.model.state.screen, .login(name: "Anna"))
        story.gateway.stop()
        await story.model.logIn()
        XCTAssertEqual(story.model.state.advice, .goOnline)
        XCTAssertFalse(story.model.state.isBusy)
        try story.gateway.start()
        await story.model.logIn()
        XCTAssertEqual(story.model.state.screen, .payments)
        XCTAssertNil(story.model.state.advice)
    }

    func testSaysTheCodeOfARefusedEnrolment() async throws {
        let story = try started(Gateway()) { $0.appVersion = "0.1" }
        await story.model.onboard(name: "Anna")
        guard case .callUs(let support) = story.model.state.advice else {
            return XCTFail("\(String(describing: story.model.state.advice))")
        }
        XCTAssertGreaterThan(support.count, 20)
        XCTAssertTrue(try story.explanation().contains("app-version"))
        XCTAssertEqual(story.model.state.screen, .onboarding)
    }

    func testIsSorryForItsOwnMistakes() async throws {
        let story = try started(Gateway()) { $0.app = "nobody" }
        await story.model.onboard(name: "Anna")
        XCTAssertEqual(story.model.state.advice, .sorry)
    }

    private func started(_ gateway: Gateway, _ change: (inout AttestSettings) -> Void = { _ in }) throws -> Story {
        let story = try Story(gateway, change)
        self.story = story
        return story
    }
}
