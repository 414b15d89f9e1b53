import AttestNative
import Foundation
#if canImport(Network)
    import Network
#endif
#if canImport(UIKit)
    import UIKit
#endif

/// Tells the native library that the app came to the foreground, that the clock was set, and that the network is back.
final class Lifecycle: @unchecked Sendable {
    private var observers: [NSObjectProtocol] = []
    #if canImport(Network)
        private let path = NWPathMonitor()
    #endif

    init(_ native: AttestNative.Attest) {
        #if canImport(UIKit)
            hear(UIApplication.didBecomeActiveNotification) { native.resumed() }
        #endif
        #if canImport(ObjectiveC)
            hear(.NSSystemClockDidChange) { native.resumed() }
        #endif
        #if canImport(Network)
            path.pathUpdateHandler = { path in
                if path.status == .satisfied { native.connectivityRestored() }
            }
            path.start(queue: DispatchQueue(label: "attest.network"))
        #endif
    }

    func stop() {
        observers.forEach(NotificationCenter.default.removeObserver)
        observers = []
        #if canImport(Network)
            path.cancel()
        #endif
    }

    private func hear(_ name: Notification.Name, _ act: @escaping @Sendable () -> Void) {
        observers.append(NotificationCenter.default.addObserver(forName: name, object: nil, queue: Self.queue) { _ in act() })
    }

    /// Notifications are posted on the main thread; nothing is done there.
    private static let queue: OperationQueue = {
        let queue = OperationQueue()
        queue.name = "attest.lifecycle"
        return queue
    }()
}
