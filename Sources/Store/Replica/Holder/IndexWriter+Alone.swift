/// What becomes of work that others had a part in when this store is left alone: nobody goes on with it, and nothing that
/// it decides by itself leaves a trace that would keep away what comes late.
extension IndexWriter {
    /// In the transaction that takes up the layout of one. What cannot be read stays as it is: a damaged row of one key
    /// keeps no node from starting.
    func endSharedWork() throws {
        try forgetInstances()
        for bucket in pending.small.byID.values {
            try passingDamage { try endCompletions(in: bucket) }
            try passingDamage { try keep(bucket) }
        }
        for bucket in pending.closed where pending.small[bucket] != nil { try setClosed(bucket, false) }
    }

    private func passingDamage(_ body: () throws -> Void) throws {
        let before = changes
        do { try body() } catch StoreError.corrupt where changes == before {}
    }

    /// An upload that is being completed is over if its object was made, and else open for parts again.
    private func endCompletions(in bucket: Bucket) throws {
        var uploads: [(row: RecordRow, upload: UploadRow, completion: UploadRow.Completion)] = []
        try versions.each(of: bucket.id.within(.upload), prefix: []) { row in
            if let upload = UploadRow(row.record), let completion = upload.completion {
                uploads.append((row, upload, completion))
            }
            return true
        }
        for (row, upload, completion) in uploads {
            try passingDamage {
                let address = RowAddress(row.record.bucket, row.record.key)
                let parts = try parts(of: address)
                if try wasMade(completion, bucket.id, Key(UploadKey.objectKey(of: address.key.bytes)), parts) {
                    try forget(row, parts, keeping: [])
                } else {
                    var open = row
                    open.record.attributes = UploadRow(attributes: upload.attributes).encoded
                    try rewrite(open)
                }
            }
        }
    }

    /// Its object is here, or was: then it has the bytes of its parts.
    private func wasMade(
        _ completion: UploadRow.Completion,
        _ bucket: BucketID,
        _ key: Key,
        _ parts: [RecordRow]
    ) throws -> Bool {
        if try versions.exact(bucket, key, completion.stamp)?.record.op == completion.op { return true }
        let names = Set(completion.parts.map(\.op))
        return parts.contains { part in
            // Builds before decision 81 did not write down which object has the bytes.
            names.contains(part.record.op)
                && (part.isHandedOver(to: completion.op) || part.isHandedOver && part.bodyID == 0)
        }
    }

    /// A deletion of the bucket that was begun and not decided is off.
    private func keep(_ bucket: Bucket) throws {
        let address = RowAddress(.system, BucketRow.key(of: bucket.name))
        let known = try versions.head(address.bucket, address.key)?.version.flatMap {
            BucketRow(encoded: $0.record.attributes)
        }
        if known?.state == .deleting { try set(bucket) }
    }
}
