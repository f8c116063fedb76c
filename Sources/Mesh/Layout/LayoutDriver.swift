package import NIOCore
package import Store
package import Swim
internal import Synchronization

/// Keeps this node's layout: on its disk, in its store's fences, in the book that everybody reads, all in step; brings
/// newer ones from and to others.
///
/// A layout that came by any road is first kept as the row that was decided, then the store takes it up (behind the
/// writes that were queued before), then the book shows it. So whoever reads the book finds a store that knows.
package final class LayoutDriver: Sendable {
    private struct State {
        /// The epoch that the store has taken up.
        var adopted: UInt64
        /// The book shows a layout of this node's own making, and the real one has not come yet.
        var isProvisional: Bool
        var observers: [@Sendable (Layout) -> Void] = []
    }

    package let own: NodeID
    package let book: LayoutBook
    package let gate = LayoutGate()
    let disk: any LayoutDisk
    private let line: any RepairLine
    private let state: Mutex<State>
    private let isOut = Atomic<Bool>(false)

    private init(own: NodeID, disk: any LayoutDisk, line: any RepairLine, layout: Layout, isProvisional: Bool) {
        self.own = own
        self.disk = disk
        self.line = line
        book = LayoutBook(layout)
        state = Mutex(State(adopted: 0, isProvisional: isProvisional))
    }

    /// Reads the layout that the store remembers. A store that remembers none is new: its node founds a mesh and is its
    /// whole layout, or comes into one and has to learn the layout from the others before it can serve anything.
    ///
    /// `hasMet`: it saw another member in an earlier life. The mesh of a founder that did, and whose store remembers
    /// nothing, went on without the store that was lost: it comes back like everybody else.
    package static func open(
        own: NodeID,
        disk: any LayoutDisk,
        line: any RepairLine,
        isFounder: Bool,
        hasMet: Bool = false,
        zone: String,
        weight: UInt32
    ) async throws -> LayoutDriver {
        let known = try await disk.layoutRow().flatMap { Layout($0) }
        let isFounder = isFounder && (known != nil || !hasMet)
        // A node that began alone, met nobody, and now comes into a mesh with nothing but its own small state.
        let isLeftOver = !isFounder && known?.isSole == own && known?.epoch == 1
        if isLeftOver, try await !disk.forgetOwnMesh() {
            throw StoreError.unusable(
                reason:
                    "this store has buckets of a mesh of its own: copy them through S3, and join with an empty directory"
            )
        }
        if let layout = known, !isLeftOver {
            let driver = LayoutDriver(own: own, disk: disk, line: line, layout: layout, isProvisional: false)
            try await driver.begin(layout)
            return driver
        }
        let layout = Layout.first(
            // Nobody's: until the real one comes there is no one to ask for anything.
            node: isFounder ? own : NodeID(high: 0, low: 1),
            storeID: disk.storeID,
            zone: zone,
            weight: weight,
            lineage: .random(in: 1 ... .max)
        )
        let driver = LayoutDriver(own: own, disk: disk, line: line, layout: layout, isProvisional: !isFounder)
        if isFounder {
            try await disk.found(layout)
            try await driver.begin(layout)
        }
        return driver
    }

    private func begin(_ layout: Layout) async throws {
        try await gate.hold { try await disk.adopt(layout, own: own) }
        isOut.store(layout.hasRemoved(own, storeID: disk.storeID), ordering: .relaxed)
        state.withLock { $0.adopted = max($0.adopted, layout.epoch) }
    }

    /// The epoch that the store has taken up: what this node answers is said behind its fences. 0: none yet.
    package var epoch: UInt64 { state.withLock { $0.adopted } }

    /// False while a node that comes into a mesh has not learned its layout: it can neither hold nor coordinate.
    package var isReady: Bool { state.withLock { !$0.isProvisional } }

    /// True once this node was removed, until it is let in again: it neither holds nor coordinates anything.
    package var isRemoved: Bool { isOut.load(ordering: .relaxed) }

    /// Who has no place in the mesh, as far as this node knows.
    package var outsiders: Links.Outsiders {
        guard isReady else { return .some([]) }
        return isRemoved ? .everybody : .some(book.current.outsiders)
    }

    /// Called with each layout once the store has taken it up; must not block.
    package func observe(_ observer: @escaping @Sendable (Layout) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    // MARK: Layouts that come

    /// Takes a decided row if it is news. False: it is not one of this mesh, or the disk failed.
    @discardableResult
    package func take(_ row: Row) async -> Bool {
        guard row.address == Layout.address, let layout = Layout(row) else { return false }
        do {
            try await gate.hold {
                let isProvisional = state.withLock { $0.isProvisional }
                let known = book.current
                let isForeign = !isProvisional && layout.lineage != known.lineage
                guard !isForeign || mayRecover(layout, from: known) else { throw RepairFailure.malformed }
                guard isProvisional || layout.epoch > known.epoch || layout.epoch > epoch else { return }
                try await disk.keep(row)
                // A recovery stands above all that the former lineage decides; what sorts below is of that one.
                if isForeign {
                    let newest = try await disk.layoutRow()
                    guard newest?.stamp == row.stamp else { throw RepairFailure.malformed }
                }
                try await disk.adopt(layout, own: own)
                isOut.store(layout.hasRemoved(own, storeID: disk.storeID), ordering: .relaxed)
                if isProvisional || isForeign { book.replace(with: layout) } else { book.adopt(layout) }
                let observers = state.withLock { state in
                    state.adopted = max(state.adopted, layout.epoch)
                    state.isProvisional = false
                    return state.observers
                }
                for observer in observers { observer(layout) }
            }
            return true
        } catch {
            return false
        }
    }

    /// Of another lineage only what an operator began for this very store, which is to stay, is taken. Who was given up
    /// stays with the lineage that it knows.
    private func mayRecover(_ layout: Layout, from known: Layout) -> Bool {
        guard layout.epoch > max(known.epoch, epoch), let member = layout.member(own) else { return false }
        return member.storeID == disk.storeID && member.state != .leaving
    }

    /// Begins a new lineage here, and tells the others; who was not reached hears of it with small state. The nodes that
    /// took it up at once; nil: it could not be written here.
    package func recover(_ layout: Layout, tell others: [NodeID]) async -> [NodeID]? {
        let former = try? await disk.layoutRow()?.stamp
        let millis = WallClock.unixMillis
        let op = OpID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
        var row = layout.row(op, nowMillis: millis)
        row.record.stamp = Stamp(t: max(millis << 16, (former?.t ?? 0) + 1), w: .random(in: 0 ... .max), q: 0)
        guard await take(row) else { return nil }
        var told: [NodeID] = []
        for node in others where await offer(to: node) { told.append(node) }
        return told
    }

    /// The row changed on this node's disk: a voter committed it, or it came with small state.
    package func refresh() async {
        guard let row = try? await disk.layoutRow() else { return }
        await take(row)
    }

    // MARK: To and from others

    /// Takes up what the node knows. False: it knows nothing newer, or did not answer.
    @discardableResult
    package func fetch(from node: NodeID) async -> Bool {
        do throws(RepairFailure) {
            let answer = try await line.ask(node, .layoutGet, ByteBuffer())
            guard let row = try? Row(wire: answer) else { return false }
            return await take(row)
        } catch { return false }
    }

    /// Gives the node this one's layout. False: it did not take it.
    @discardableResult
    package func offer(to node: NodeID) async -> Bool {
        guard let row = try? await disk.layoutRow() else { return false }
        do throws(RepairFailure) {
            var answer = try await line.ask(node, .layoutOffer, row.wireBytes)
            return (try? answer.flag()) ?? false
        } catch { return false }
    }

    /// Brings this node and one that refused its epoch to the same layout.
    package func align(_ node: NodeID, _ refusal: Store.Refusal) async -> Bool {
        switch refusal {
        case .staleEpoch(let other): other <= epoch ? true : await fetch(from: node)
        case .unknownEpoch(let other): other >= epoch ? true : await offer(to: node)
        default: false
        }
    }

    /// What another node asks for or brings; empty when there is nothing to give.
    package func answer(_ method: RepairMethod, _ payload: ByteBuffer) async -> ByteBuffer {
        switch method {
        case .layoutGet:
            guard isReady, let row = try? await disk.layoutRow() else { return ByteBuffer() }
            return row.wireBytes
        case .layoutOffer:
            guard let row = try? Row(wire: payload) else { return ByteBuffer(integer: 0 as UInt8) }
            let isTaken = await take(row)
            return ByteBuffer(integer: isTaken ? 1 as UInt8 : 0)
        default: return ByteBuffer()
        }
    }
}
