import Foundation
import XCTest

@testable import BankModel

/// The app from its first start to a payment, against a real gateway; then the policy turns against where it runs, and back.
@MainActor
final class StoryTests: StoryTestCase {
    func testACustomerPaysAndAClonerDoesNot() async throws {
        let inAnotherApp = "Containers/Data/Application/0F1E2D3C/Documents/Data/Application/4B5A6978"
        let story = try Story(Gateway(), home: inAnotherApp)
        self.story = story
        let model = story.model
        let payment = Payment(cents: 1250, to: "baker")

        await story.customer("opens an account as Anna") { await $0.onboard(name: "Anna") }
        XCTAssertEqual(model.state.screen, .login(name: "Anna"))
        let device = model.attest.status().device
        await story.customer("logs in") { await $0.logIn() }
        XCTAssertEqual(model.state.screen, .payments)
        await story.customer("pays the baker") { await $0.pay(payment) }
        XCTAssertEqual(model.state.paid, [payment])

        try await story.customerIsKnown()
        model.changed = { [weak model] state in
            guard state.confirmation != nil else { return }
            story.transcript.say("app", "asks for the code that was sent")
            story.transcript.say("customer", "types it")
            Task { await model?.confirm(code: Story.code) }
        }
        await story.customer("adds a payee") { await $0.add(payee: "DE02") }
        XCTAssertEqual(model.state.payees, ["DE02"])
        model.changed = nil

        try story.gateway.publish {
            $0.more = Policies.detector
            $0.rules = Policies.rule
            $0.minPolicy = 2
        }
        story.transcript.say("operator", "publishes policy 2, which payments need from now on, with\n" + Policies.detector + "\nrules:\n" + Policies.rule)
        await story.customer("pays the baker again") { await $0.pay(payment) }
        guard case .callUs(let support) = model.state.advice else {
            return XCTFail("\(String(describing: model.state.advice)); \(model.attest.diagnostics())")
        }
        XCTAssertTrue(model.state.advice?.text.contains(support) == true)
        XCTAssertEqual(model.state.paid, [payment])
        XCTAssertEqual(model.attest.status().findings.map(\.detector), ["clone.inside_another_app"])
        let explanation = try story.explanation()
        XCTAssertTrue(explanation.contains("cloners-do-not-pay"), explanation)
        story.transcript.say("operator", "opens the support code:\n" + explanation)

        try story.gateway.publish { $0.rules = "" }
        story.transcript.say("operator", "publishes policy 3, without the rule")
        await story.customer("pays the baker again") { await $0.pay(payment) }
        XCTAssertNil(model.state.advice)
        XCTAssertEqual(model.state.paid, [payment, payment])
        XCTAssertEqual(model.attest.status().device, device, "it was one device all the time")
        try Checkout.compare(story.transcript.text, with: "ios-sample/README.md", block: "transcript")
    }
}

/// What the operator publishes.
enum Policies {
    static let detector = """
        detectors:
          - id: clone.inside_another_app
            platform: ios
            category: cloner
            severity: high
            why: iOS gives each app a folder of its own; here it lies among the documents of another app.
            when: {fact: app.data_dir@libc, op: matches, value: '/Containers/Data/Application/[^/]+/Documents/'}
        """

    static let rule = """
          - id: cloners-do-not-pay
            mode: enforce
            routes: [payments]
            why: Who runs the app inside another app does not pay.
            when: {fact: findings.hit, op: any_eq, value: clone.inside_another_app}
            then: deny
        """
}
