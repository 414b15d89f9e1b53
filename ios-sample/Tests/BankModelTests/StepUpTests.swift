import Attest
import Foundation
import XCTest

@testable import BankModel

/// The step-up screen: it is in front while the library waits for the user.
@MainActor
final class StepUpTests: StoryTestCase {
    func testAWrongCodeMayBeTypedAgain() async throws {
        let model = try await loggedIn()
        var codes = ["1111", Story.code]
        whenAsked(model) { await model.confirm(code: codes.removeFirst()) }
        await model.add(payee: "DE02")
        XCTAssertEqual(model.state.payees, ["DE02"])
        XCTAssertTrue(codes.isEmpty)
        XCTAssertNil(model.state.confirmation)
        XCTAssertNil(model.state.advice)
    }

    func testWhoGoesBackHasNotConfirmed() async throws {
        let model = try await loggedIn()
        whenAsked(model) { model.decline() }
        await model.add(payee: "DE02")
        XCTAssertEqual(model.state.payees, [])
        XCTAssertEqual(model.state.advice, .notConfirmed)
        XCTAssertNil(model.state.confirmation)
    }

    func testTheEndOfTheLibraryEndsTheQuestion() async throws {
        let model = try await loggedIn()
        whenAsked(model) { model.close() }
        await model.add(payee: "DE02")
        XCTAssertEqual(model.state.payees, [])
        XCTAssertNotNil(model.state.advice)
        XCTAssertFalse(model.state.isBusy)
    }

    private func loggedIn() async throws -> BankModel {
        let story = try Story(Gateway())
        self.story = story
        await story.model.onboard(name: "Anna")
        await story.model.logIn()
        XCTAssertEqual(story.model.state.screen, .payments)
        try await story.customerIsKnown()
        return story.model
    }

    /// Answers when the screen comes up, and again after each wrong code.
    private func whenAsked(_ model: BankModel, _ answer: @escaping @MainActor () async -> Void) {
        var shown = BankState()
        model.changed = { state in
            let isNew = state.confirmation != nil && shown.confirmation == nil
            let isWrong = state.advice == .wrongCode && shown.advice != .wrongCode
            shown = state
            if isNew || isWrong { Task { await answer() } }
        }
    }
}
