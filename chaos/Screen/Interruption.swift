import Glibc
import Synchronization

/// Ctrl-C: the first ends the load early, so that what was done is still judged and reported; the second ends it all.
enum Interruption {
    private static let flag = Atomic(false)

    static func listen() {
        // Made before a signal may come: a signal must not be what makes it.
        flag.store(false, ordering: .sequentiallyConsistent)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                Interruption.flag.store(true, ordering: .sequentiallyConsistent)
                signal(number, SIG_DFL)
            }
        }
    }

    static var isAsked: Bool { flag.load(ordering: .sequentiallyConsistent) }
}
