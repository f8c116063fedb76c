package import Swim

/// The numbers of a node's part in the mesh, for `/metrics`.
package struct MeshCounters: Sendable {
    /// Members that take part, this node included; and all that are remembered, the dead and departed too.
    package var present: Int
    package var known: Int
    /// Present members last heard with this node's view, this node not included.
    package var agreeing: Int
    /// How much this node doubts itself; 0 is well.
    package var localHealth: Int
    /// The share of questions believed to be lost on the way, 0 to 1.
    package var lossBelief: Double
    /// The 99th percentile of how late this node's timers fired.
    package var loopLagMillis: Double
    package var rumorsQueued: Int
    package var keyEpoch: UInt32
    package var streamsOpen: Int
    package var datagramsReceived: UInt64
    package var datagramBytesReceived: UInt64
    package var datagramsSent: UInt64
    package var datagramBytesSent: UInt64
    package var datagramsUnsent: UInt64
    package var framesReceived: UInt64
    package var framesSent: UInt64
    package var framesLost: UInt64
    /// Datagrams, handshakes and frames that changed nothing, by kind.
    package var refused: [(kind: String, count: UInt64)]
    /// What the membership machine counted.
    package var machine: Counters

    /// How much input of one kind changed nothing; the kinds are the labels of `meshd_mesh_refused_total`.
    package func refused(_ kind: String) -> UInt64 { refused.first { $0.kind == kind }?.count ?? 0 }

    /// Adds everything to a page of Prometheus text.
    package func write(to page: inout PrometheusText) {
        page.single("meshd_mesh_members", "Members that take part, this node included.", .gauge, Double(present))
        page.single("meshd_mesh_known", "Members known, the dead and departed included.", .gauge, Double(known))
        page.single("meshd_mesh_agreeing", "Members with this node's view, itself included.", .gauge, Double(agreeing))
        page.single("meshd_mesh_local_health", "How much this node doubts itself.", .gauge, Double(localHealth))
        page.single("meshd_mesh_loss", "Share of questions believed to be lost on the way.", .gauge, lossBelief)
        page.single(
            "meshd_mesh_loop_lag_p99_seconds",
            "How late this node's timers fire.",
            .gauge,
            loopLagMillis / 1_000
        )
        page.single("meshd_mesh_rumors_queued", "News that wait to be told.", .gauge, Double(rumorsQueued))
        page.single("meshd_mesh_key_epoch", "The newest key epoch held.", .gauge, Double(keyEpoch))
        page.single("meshd_mesh_streams", "Open control streams.", .gauge, Double(streamsOpen))
        let totals: [(name: String, help: String, value: UInt64)] = [
            ("datagrams_received", "Datagrams received.", datagramsReceived),
            ("datagram_bytes_received", "Bytes of datagrams received.", datagramBytesReceived),
            ("datagrams_sent", "Datagrams sent.", datagramsSent),
            ("datagram_bytes_sent", "Bytes of datagrams sent.", datagramBytesSent),
            ("datagrams_unsent", "Datagrams that the system did not take.", datagramsUnsent),
            ("frames_received", "Frames received on control streams.", framesReceived),
            ("frames_sent", "Frames sent on control streams.", framesSent),
            ("frames_lost", "Frames lost to full queues and failed connections.", framesLost),
            ("questions", "Members asked whether they live.", UInt64(machine.questions)),
            ("failed_rounds", "Questions without an answer, relays included.", UInt64(machine.rounds)),
            ("streams_refused", "Streams that a silent member's machine refused.", UInt64(machine.refusals)),
            ("suspicions", "Suspicions begun by this node.", UInt64(machine.suspicions)),
            ("deaths", "Deaths concluded by this node.", UInt64(machine.deaths)),
            ("refutations", "Accusations of itself that this node refuted.", UInt64(machine.refutations)),
            ("returns", "Members that came back from the dead.", UInt64(machine.returns)),
            ("syncs", "Views compared by stream.", UInt64(machine.syncs)),
            ("relayed", "Questions relayed for others.", UInt64(machine.relayed)),
            ("pauses", "Pauses of this node that it noticed.", UInt64(machine.pauses)),
        ]
        for total in totals {
            page.single("meshd_mesh_\(total.name)_total", total.help, .counter, Double(total.value))
        }
        page.family("meshd_mesh_refused_total", "Input that changed nothing, by kind.", .counter)
        for (kind, count) in refused { page.sample("meshd_mesh_refused_total", [("kind", kind)], Double(count)) }
    }
}

extension MembershipDriver {
    func counters() -> MeshCounters {
        let machine = membership.counters
        let datagrams = port?.numbers ?? DatagramPort.Numbers()
        let streamed = streams?.numbers ?? ControlStreams.Numbers()
        var refused = Refusal.allCases.map { (kind: $0.rawValue, count: UInt64(sealer.counters[$0])) }
        refused += [
            ("handshake", streamed.refusedHandshakes), ("frame", streamed.refusedFrames),
            ("peer", streamed.refusedPeers), ("connections", streamed.refusedOverLimit),
            ("timeout", streamed.timeouts), ("stranger", refusedStrangers), ("expelled", refusedOutcasts),
            ("message", UInt64(machine.malformed)), ("claim", UInt64(machine.forged)),
            ("stale", UInt64(machine.stale)), ("overLimit", UInt64(machine.overLimit)),
            ("question", requests.refused), ("outcast", UInt64(machine.outcasts)),
            ("notMember", UInt64(machine.unknownSender)),
        ]
        return MeshCounters(
            present: membership.presentCount,
            known: membership.roster.count,
            agreeing: membership.agreement.agreeing + 1,
            localHealth: membership.health.score,
            lossBelief: membership.lossBelief,
            loopLagMillis: lag.percentile99Millis,
            rumorsQueued: membership.rumorCount,
            keyEpoch: state.keyring.newest,
            streamsOpen: streams?.count ?? 0,
            datagramsReceived: datagrams.received,
            datagramBytesReceived: datagrams.receivedBytes,
            datagramsSent: datagrams.sent,
            datagramBytesSent: datagrams.sentBytes,
            datagramsUnsent: datagrams.unsent,
            framesReceived: streamed.framesReceived,
            framesSent: streamed.framesSent,
            framesLost: streamed.framesLost,
            refused: refused,
            machine: machine
        )
    }
}
