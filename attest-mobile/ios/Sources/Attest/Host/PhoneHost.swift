import AttestNative
import Foundation

/// What the native library asks of the phone. Tests put their own in the place of each.
struct PhoneHost {
    var transport: any Transport
    var key: any DeviceKey
    var storage: any Storage
    var observer: any Observer
    var stepUp: any StepUpPrompt
    /// `nil`: the native library's own.
    var clock: (any Clock)?
    /// Ends what the phone does for the library.
    var close: @Sendable () -> Void = {}

    /// The phone itself. Nothing is opened and nothing is read before the native library asks, on its own threads.
    static func phone(_ settings: AttestSettings) -> PhoneHost {
        let keychain = Keychain(service: "attest." + settings.app)
        let tag = "attest.key." + settings.app
        let installation = Installation(folder: settings.folder ?? standardFolder()) {
            try keychain.deleteAll()
            try SecureEnclaveKey.remove(tag: Data(tag.utf8))
        }
        // The native library gives up at `callTimeout`; what it called should have ended by then.
        let timeout = settings.callTimeout * 0.9
        let transport = SessionTransport(timeout: timeout, trust: settings.trust)
        let stepUps = StepUps(settings.stepUp)
        let appAttest = AppAttest(keychain: keychain, timeout: timeout)
        return PhoneHost(
            transport: transport,
            key: settings.qaIdentity
                ? SoftwareKey(installation: installation, keychain: keychain)
                : SecureEnclaveKey(tag: tag, installation: installation, appAttest: appAttest),
            storage: DeviceStorage(installation: installation, keychain: keychain),
            observer: DebugLog(settings.debugLog),
            stepUp: stepUps,
            close: {
                stepUps.close()
                transport.stop()
            }
        )
    }

    private static func standardFolder() -> URL {
        let places = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)
        return (places.first ?? FileManager.default.temporaryDirectory).appendingPathComponent("attest", isDirectory: true)
    }
}

/// Passes notices on to the app's log.
final class DebugLog: Observer, @unchecked Sendable {
    private let log: (@Sendable (String) -> Void)?

    init(_ log: (@Sendable (String) -> Void)?) {
        self.log = log
    }

    func notice(code: String, text: String) {
        log?("\(code): \(text)")
    }
}
