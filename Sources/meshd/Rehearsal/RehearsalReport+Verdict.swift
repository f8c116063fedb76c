import Mesh
import Swim

extension RehearsalReport {
    /// Counts what clients did between two looks, on nodes that are in both and were not started again; returns those.
    mutating func count(from: [NodeID: TrafficReport], to: [NodeID: TrafficReport]) -> Set<NodeID> {
        let counted = to.filter { id, now in
            from[id].map { $0.requests <= now.requests && $0.failures <= now.failures } ?? false
        }
        for (id, now) in counted {
            clientRequests += now.requests - (from[id]?.requests ?? 0)
            clientFailures += now.failures - (from[id]?.failures ?? 0)
        }
        return Set(counted.keys)
    }

    /// Says how it went, from what was counted. Names are those of nodes whose clients could not be counted.
    mutating func judge(uncounted names: [String] = []) {
        let phases = [before, away, back]
        let requests = phases.reduce(0) { $0 + $1.count }
        let failed = phases.reduce(0) { $0 + $1.failed }
        let slowest = Int(max(away.slowestMillis, back.slowestMillis).rounded())
        verdict = .failed
        if failed > 0 {
            sentence = "\(failed) of \(requests) requests failed."
        } else if away.count == 0 {
            verdict = .brokenOff
            sentence = "The rehearsal says nothing: no request was sent while \(node) was away."
        } else if clientFailures > 0 {
            sentence =
                "No request of \(conductor) failed, but \(clientFailures) of \(clientRequests) requests of clients did."
        } else if backMillis == nil {
            sentence = "Nothing failed, but \(node) was not seen alive again."
        } else if equalMillis == nil {
            sentence = "Nothing failed, but something still waits for \(node)."
        } else {
            verdict = .passed
            sentence =
                "\(node) was away for \(seconds) s and nothing failed: \(requests) requests of \(conductor) and "
                + "\(clientRequests) of clients went on, none of the former took longer than \(slowest) ms."
        }
        if !names.isEmpty { sentence += " Clients of \(names.joined(separator: ", ")) were not counted." }
    }
}
