/// Looks at a run while it goes on: shows how far it is, asks the nodes when something is wrong, and ends the load when
/// the disk fills or somebody says so.
struct Watch: Sendable {
    /// Anomalies for which all nodes are asked; later ones are mostly the same again.
    private static let askedMax = 10
    private static let nanosBetweenLines: UInt64 = 10_000_000_000

    let run: Run
    let cluster: Cluster
    let course: Course
    let budget: DiskBudget
    /// How long the load lasts.
    let nanosOfLoad: UInt64

    func work() async {
        var asked = 0
        var last = Clock.nanoseconds()
        while !run.diary.isOver {
            // Cancelled or not, the next look ends it.
            try? await Task.sleep(for: .milliseconds(200))
            if Interruption.isAsked, course.goesOn {
                run.diary.note("interrupted: the load was ended early")
                course.end()
            }
            for index in run.verdict.anomalies.indices.dropFirst(asked).prefix(Self.askedMax - asked) {
                run.verdict.add(views: await NodeView.capture(cluster), toAnomaly: index)
                asked = index + 1
            }
            let now = Clock.nanoseconds()
            Screen.show(line(now))
            guard now > last + Self.nanosBetweenLines else { continue }
            last = now
            if !Screen.isTerminal { say(line(now)) }
            if course.goesOn, let objection = await budget.objection(cluster) {
                run.diary.note(objection)
                course.end()
            }
        }
        Screen.show("")
    }

    private func line(_ now: UInt64) -> String {
        guard let phase = run.diary.phases.last else { return "" }
        let (requests, failed) = run.verdict.traffic.counts
        let inForce = cluster.troubles.all.filter { $0.end == nil }
            .map { trouble in trouble.node.map { "\(trouble.what) n\($0)" } ?? trouble.what }
        var parts = [phase.name]
        if phase.name == MeshTrial.phaseOfLoad {
            let spent = now - min(now, phase.begin)
            parts = ["\(Self.clock(nanosOfLoad - min(spent, nanosOfLoad))) left"]
        }
        parts.append("\(requests) requests")
        parts.append("\(failed) errors")
        parts.append("\(run.verdict.failed) anomalies")
        parts.append(inForce.isEmpty ? "no fault just now" : inForce.joined(separator: " + "))
        return parts.joined(separator: ", ")
    }

    /// `1:05`.
    static func clock(_ nanos: UInt64) -> String {
        let seconds = (nanos + 999_999_999) / 1_000_000_000
        return "\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60)"
    }
}
