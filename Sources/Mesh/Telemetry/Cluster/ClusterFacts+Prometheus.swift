extension ClusterFacts {
    /// Adds what this node knows of the mesh to a page of Prometheus text: the layout, what its holders can do as the
    /// membership sees them, and this node's own backlog. Nobody is asked for it.
    package func write(to page: inout PrometheusText) {
        let examination = Examination(self)
        page.single("meshd_layout_epoch", "The layout epoch that this node goes by.", .gauge, Double(epoch))
        page.single("meshd_layout_members", "Nodes with a place in the layout.", .gauge, Double(members.count))
        page.single("meshd_layout_changing", "1 while a change of the layout moves data.", .gauge, isChanging ? 1 : 0)
        page.single("meshd_copies_wanted", "Copies that a bucket has by default.", .gauge, Double(copiesWanted))
        let possible = min(copiesWanted, members.count(where: \.isHolder))
        page.single("meshd_copies_possible", "Copies that there are nodes for.", .gauge, Double(possible))
        page.family("meshd_partitions", "Partitions of objects, by what this node sees of their holders.", .gauge)
        let lost = examination.lostPartitions
        let reduced = examination.reducedPartitions - lost
        let states = [("whole", examination.partitions - reduced - lost), ("reduced", reduced), ("lost", lost)]
        for (state, count) in states { page.sample("meshd_partitions", [("state", state)], Double(count)) }
        page.single(
            "meshd_moved_buckets_lost",
            "Buckets on chosen nodes of which some keys have no majority within reach.",
            .gauge,
            Double(examination.bereftBuckets)
        )
        page.single(
            "meshd_voters_lost",
            "1 while most voters are out of reach: no small state can be changed.",
            .gauge,
            examination.isSmallStateLost ? 1 : 0
        )
        page.single("meshd_movement_done_bytes", "Moved here by the change.", .gauge, Double(movement?.doneBytes ?? 0))
        page.single(
            "meshd_movement_all_bytes",
            "To be moved here by the change.",
            .gauge,
            Double(movement?.allBytes ?? 0)
        )

        let own = nodes.first { $0.id == ownID }?.condition
        page.family("meshd_hints", "Objects that wait on this node for a peer, by peer.", .gauge)
        for hint in own?.hints ?? [] {
            page.sample("meshd_hints", [("peer", name(ofID: hint.peer))], Double(hint.objects))
        }
        page.single(
            "meshd_wanted_bodies",
            "Objects on this node without their bytes.",
            .gauge,
            Double(own?.wanted ?? 0)
        )
        page.single(
            "meshd_digests_known",
            "1 when this node can compare itself with others; 0 during the scan after a start.",
            .gauge,
            own?.hasDigests == false ? 0 : 1
        )
        page.single(
            "meshd_repair_paused",
            "1 while repair and movement are paused here.",
            .gauge,
            own?.isRepairPaused == true ? 1 : 0
        )
        let collection = own?.repair?.collection
        page.single(
            "meshd_tombstones",
            "Rows on this node that are no versions: traces of deletes until they are collected, tags of versions.",
            .gauge,
            Double(collection?.rows ?? 0)
        )
        page.single(
            "meshd_collection_blocked",
            "1 while tombstones stay because a member does not answer.",
            .gauge,
            collection?.sinceMillis == nil ? 0 : 1
        )
        for (name, count) in (own?.repair?.counters ?? [:]).sorted(by: { $0.key < $1.key }) {
            page.single("meshd_repair_\(name)_total", "Of repair since the start.", .counter, Double(count))
        }
    }
}
