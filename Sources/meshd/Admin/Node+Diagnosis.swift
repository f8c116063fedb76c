import Mesh
import NIOCore
import Synchronization

/// The last diagnosis, and the one that is under way: each costs every member some datagrams.
final class DiagnosisDesk: Sendable {
    private static let freshMax = TimeAmount.seconds(5)

    private let last = Mutex<(work: Task<[Diagnosis], any Error>, begun: NIODeadline)?>(nil)

    func answer(_ make: @escaping @Sendable () async throws -> [Diagnosis]) async throws -> [Diagnosis] {
        let work = last.withLock { last in
            if let last, NIODeadline.now() - last.begun < Self.freshMax { return last.work }
            let work = Task { try await make() }
            last = (work, .now())
            return work
        }
        return try await work.value
    }
}

extension Node {
    /// Probes a few members at once and says what is wrong. Who asks within some seconds gets the same answer.
    func diagnose() async throws -> [Diagnosis] {
        try await diagnoses.answer { [weak self] in try await self?.diagnoseNow() ?? [] }
    }

    private func diagnoseNow() async throws -> [Diagnosis] {
        let mesh = try mesh()
        let others = try await mesh.report().members.filter {
            $0.state.isAlive && $0.reach != "self"
        }
        let probes = await withTaskGroup { tasks in
            for line in others.shuffled().prefix(MeshDoctor.probesMax) {
                // A member that went away meanwhile is no finding of this examination.
                tasks.addTask { try? await mesh.probe(NodeRef(line.id), via: nil, from: nil) }
            }
            return await tasks.reduce(into: [ProbeReport]()) { all, probe in
                if let probe { all.append(probe) }
            }
        }
        // What the probes learned, of clocks for instance, is in the report that is made after them.
        return MeshDoctor(report: try await mesh.report(), epochs: try await mesh.epochs(), probes: probes).diagnoses
    }
}
