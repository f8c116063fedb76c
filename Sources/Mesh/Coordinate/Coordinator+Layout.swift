package import Store
internal import Swim

/// The layout is a row like any other: its successors are decided by the register of its key, among the voters.
extension Coordinator: LayoutRegister {
    /// Proposes a successor of the present layout. The row that was decided, this one or another; nil when that is not
    /// known. Also while one node alone holds everything: its own store is the quorum.
    package func propose(_ layout: Layout) async -> Row? {
        guard let mesh else { return nil }
        let row = layout.row(names.op(), nowMillis: WallClock.unixMillis)
        let changed = try? await change(Layout.address, .current, mesh, isForLayout: true) { sight in
            guard let found = sight.found, let known = Layout(found), known.lineage == layout.lineage else {
                return .refuse(sight.found)
            }
            return layout.follows(known) ? .write(row) : .refuse(found)
        }
        switch changed {
        case .done(let decided):
            // So that all go by it at once: who is removed by it finds no one who takes him for a member.
            await announce(decided, mesh)
            return decided
        case .refused(let known): return known
        case .left, nil: return nil
        }
    }
}
