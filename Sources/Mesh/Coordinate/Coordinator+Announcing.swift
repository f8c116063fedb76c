internal import NIOCore
internal import Store
internal import Swim

/// Tells all members what was decided about small state, before a client is told that it is so.
extension Coordinator {
    /// How long an answer to a client waits for members that should hear of a change.
    private static let spreadMicrosMax: UInt64 = 1_000_000

    /// Brings a decided row to the copies of all members that will answer, so that what a client was told holds on every
    /// node that it can ask next. Who does not answer in time polls the voters as soon as it can.
    func announce(_ row: Row, _ mesh: MeshSide) async {
        let holders = mesh.holders
        let others = Set(mesh.book.current.members.map(\.node)).filter { $0 != holders.own && holders.isExpected($0) }
        // A gathering takes the first answer of each: none waits longer, whatever its road does.
        let told = Gathering<Bool>(others.count)
        let loop = SharedThreads.loop()
        let timer = loop.scheduleTask(in: .microseconds(Int64(Self.spreadMicrosMax))) {
            for index in 0..<others.count { told.take(index, false) }
        }
        for (index, node) in others.sorted().enumerated() {
            holders.tell(node, row, timeoutMicros: Self.spreadMicrosMax) { told.take(index, $0) }
        }
        _ = await told.all()
        timer.cancel()
    }
}
