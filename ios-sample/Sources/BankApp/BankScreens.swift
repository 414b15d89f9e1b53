// Not compiled on Linux, where there is no SwiftUI, and so far nowhere: all that it does is show what BankModel says, and call it.
#if canImport(SwiftUI)
    import BankModel
    import SwiftUI

    /// The app's screens.
    @MainActor
    public struct BankScreens: View {
        @ObservedObject private var model: BankModel
        @State private var name = ""
        @State private var code = ""

        public init(_ model: BankModel) {
            self.model = model
        }

        public var body: some View {
            VStack(spacing: 24) {
                if model.state.confirmation == nil { screen } else { stepUp }
                if let advice = model.state.advice { Text(advice.text).textSelection(.enabled) }
                if model.state.isBusy { ProgressView() }
            }
            .padding()
        }

        @ViewBuilder private var screen: some View {
            switch model.state.screen {
            case .onboarding:
                TextField("Your name", text: $name)
                button("Open an account") { await model.onboard(name: name) }
            case .login(let name):
                Text("Hello \(name)")
                button("Log in") { await model.logIn() }
            case .payments:
                ForEach(model.state.paid.indices, id: \.self) { Text("Paid to \(model.state.paid[$0].recipient)") }
                button("Pay 12.50 to the baker") { await model.pay(Payment(cents: 1250, to: "baker")) }
                button("Add a payee") { await model.add(payee: "DE02120300000000202051") }
            }
        }

        @ViewBuilder private var stepUp: some View {
            Text("Please confirm with the code that we sent you.")
            TextField("Code", text: $code)
            Button("Confirm") { Task { await model.confirm(code: code) } }
            Button("Cancel", role: .cancel) { model.decline() }
        }

        private func button(_ title: String, _ act: @escaping () async -> Void) -> some View {
            Button(title) { Task { await act() } }.disabled(model.state.isBusy)
        }
    }
#endif
