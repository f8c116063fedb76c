internal import Synchronization

/// What all links of a node did, by class of traffic.
final class LinkCounters: Sendable {
    final class Class: Sendable {
        let calls = Counter()
        let answers = Counter()
        let failures = LinkFailure.kinds.map { _ in Counter() }
        let served = Counter()
        let unserved = Counter()
        let framesSent = Counter()
        let framesReceived = Counter()
        let recordsSent = Counter()
        let recordsReceived = Counter()
        let bytesSent = Counter()
        let bytesReceived = Counter()
        /// Connections opened by this node and by others.
        let opened = Counter()
        let accepted = Counter()
        /// Attempts that came to nothing, and connections that ended while answers were awaited.
        let dialsFailed = Counter()
        let lost = Counter()
        /// Connections ended because of bytes that were no frames.
        let broken = Counter()
        /// Times that a peer's requests were not read for a while, because enough of them were being served.
        let paused = Counter()

        func fail(_ failure: LinkFailure) { failures[failure.index].add() }
    }

    let classes = LinkTraffic.allCases.map { _ in Class() }

    subscript(traffic: LinkTraffic) -> Class { classes[Int(traffic.rawValue)] }
}

extension Links {
    /// Adds the numbers of all links to a page of Prometheus text.
    package func write(to page: inout PrometheusText) {
        let totals: [(name: String, help: String, value: (LinkCounters.Class) -> Counter)] = [
            ("calls", "Calls to other nodes.", \.calls),
            ("answers", "Calls that were answered.", \.answers),
            ("served", "Requests of other nodes that were served.", \.served),
            ("unserved", "Requests of other nodes for which there is no service.", \.unserved),
            ("frames_sent", "Frames sent.", \.framesSent),
            ("frames_received", "Frames received.", \.framesReceived),
            ("records_sent", "Sealed records sent.", \.recordsSent),
            ("records_received", "Sealed records received.", \.recordsReceived),
            ("bytes_sent", "Bytes sent, sealed.", \.bytesSent),
            ("bytes_received", "Bytes received, sealed.", \.bytesReceived),
            ("opened", "Connections opened by this node.", \.opened),
            ("accepted", "Connections accepted from other nodes.", \.accepted),
            ("dials_failed", "Connections that could not be opened.", \.dialsFailed),
            ("lost", "Connections of this node that broke off.", \.lost),
            ("broken", "Connections ended because of bytes that were no frames.", \.broken),
            ("paused", "Times that a peer had to wait because enough of its requests were being served.", \.paused),
        ]
        for total in totals {
            page.family("meshd_link_\(total.name)_total", total.help, .counter)
            for traffic in LinkTraffic.allCases {
                let value = total.value(counters[traffic]).value
                page.sample("meshd_link_\(total.name)_total", [("class", "\(traffic)")], Double(value))
            }
        }
        page.family("meshd_link_failures_total", "Calls without an answer, by reason.", .counter)
        for traffic in LinkTraffic.allCases {
            for (kind, counter) in zip(LinkFailure.kinds, counters[traffic].failures) {
                let labels = [("class", "\(traffic)"), ("reason", kind)]
                page.sample("meshd_link_failures_total", labels, Double(counter.value))
            }
        }
        page.family("meshd_link_calls_in_flight", "Calls that wait for their answers.", .gauge)
        page.family("meshd_link_peers_connected", "Peers to which there is a connection.", .gauge)
        for traffic in LinkTraffic.allCases {
            let lanes = peers.map { $0.lanes[Int(traffic.rawValue)] }
            let labels = [("class", "\(traffic)")]
            page.sample("meshd_link_calls_in_flight", labels, Double(lanes.reduce(0) { $0 + $1.pulse.inFlight }))
            page.sample("meshd_link_peers_connected", labels, Double(lanes.count { $0.pulse.isConnected }))
        }
    }
}
