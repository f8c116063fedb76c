internal import Synchronization

/// The layout that this node goes by, and who wants to hear of the next one.
package final class LayoutBook: Sendable {
    /// What became of a layout that came in.
    package enum Adoption: Sendable, Hashable {
        case adopted
        /// Not newer than the one at hand.
        case known
        /// The same epoch with another content: nothing that voters can decide. It is refused.
        case contradiction
        /// Of another mesh's history. It is refused.
        case foreign
    }

    private struct State {
        var layout: Layout
        var observers: [@Sendable (Layout) -> Void] = []
    }

    private let state: Mutex<State>

    package init(_ layout: Layout) { state = Mutex(State(layout: layout)) }

    /// The newest layout that this node knows. A short lock: fit for every request.
    package var current: Layout { state.withLock { $0.layout } }

    /// Takes a decided layout if it is newer. Observers hear of it before this returns, each outside of the lock; of two
    /// adoptions at once they may hear in either order, so they look at `current` or compare epochs.
    @discardableResult
    package func adopt(_ layout: Layout) -> Adoption {
        let (adoption, observers) = state.withLock { state -> (Adoption, [@Sendable (Layout) -> Void]) in
            let own = state.layout
            guard layout.lineage == own.lineage else { return (.foreign, []) }
            guard layout.epoch > own.epoch else {
                return (layout.epoch == own.epoch && layout != own ? .contradiction : .known, [])
            }
            state.layout = layout
            return (.adopted, state.observers)
        }
        for observer in observers { observer(layout) }
        return adoption
    }

    /// Gives up the own history for another one: a node that comes into a mesh, or an operator's recovery.
    package func replace(with layout: Layout) {
        let observers = state.withLock { state in
            state.layout = layout
            return state.observers
        }
        for observer in observers { observer(layout) }
    }

    /// `observer` is called with each layout from now on; it must not block.
    package func observe(_ observer: @escaping @Sendable (Layout) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }
}
