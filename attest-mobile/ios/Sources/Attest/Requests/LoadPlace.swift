import Foundation

#if canImport(ObjectiveC)
    /// Where a load began: Apple wants the session to be told on that thread, in its run loop's mode.
    final class LoadPlace: @unchecked Sendable {
        private let thread = Thread.current
        private let modes = [RunLoop.Mode.default.rawValue]
            + (RunLoop.current.currentMode.map { $0 == .default ? [] : [$0.rawValue] } ?? [])

        /// Runs `call` there, later.
        func run(_ call: @escaping @Sendable () -> Void) {
            Call(call).perform(#selector(Call.run), on: thread, with: nil, waitUntilDone: false, modes: modes)
        }

        private final class Call: NSObject {
            private let what: @Sendable () -> Void

            init(_ what: @escaping @Sendable () -> Void) {
                self.what = what
            }

            @objc func run() { what() }
        }
    }
#else
    /// Where a load began: Foundation on Linux, where only tests run, keeps what it knows of its tasks on the queue that it starts loads on,
    /// and has no lock around it. It gives that queue to nobody; libdispatch does.
    final class LoadPlace: @unchecked Sendable {
        private let queue = currentQueue()

        init() {
            retain(queue)
        }

        deinit {
            release(queue)
        }

        /// Runs `call` there, later.
        func run(_ call: @escaping @Sendable () -> Void) {
            asynchronously(queue, Unmanaged.passRetained(Call(call)).toOpaque()) {
                Unmanaged<Call>.fromOpaque($0).takeRetainedValue().what()
            }
        }

        private final class Call: Sendable {
            let what: @Sendable () -> Void

            init(_ what: @escaping @Sendable () -> Void) {
                self.what = what
            }
        }
    }

    @_silgen_name("dispatch_get_current_queue")
    private func currentQueue() -> OpaquePointer

    @_silgen_name("dispatch_retain")
    private func retain(_ queue: OpaquePointer)

    @_silgen_name("dispatch_release")
    private func release(_ queue: OpaquePointer)

    @_silgen_name("dispatch_async_f")
    private func asynchronously(
        _ queue: OpaquePointer, _ context: UnsafeMutableRawPointer,
        _ work: @convention(c) (UnsafeMutableRawPointer) -> Void)
#endif
