/// What becomes of work that others had a part in when this store is left alone: nobody goes on with it, and nothing that
/// it decides by itself leaves a trace that would keep away what comes late.
extension IndexWriter {
    /// In the transaction that takes up the layout of one.
    func takeOver() throws {
        try forgetInstances()
        for bucket in pending.small.byID.values {
            try endCompletions(in: bucket)
            try keep(bucket)
        }
        for bucket in pending.closed where pending.small[bucket] != nil { try setClosed(bucket, false) }
    }

    /// An upload that is being completed is over if its object is here, and else open for parts again.
    private func endCompletions(in bucket: Bucket) throws {
        var uploads: [(row: RecordRow, upload: UploadRow, completion: UploadRow.Completion)] = []
        try versions.each(of: bucket.id.within(.upload), prefix: []) { row in
            if let upload = UploadRow(row.record), let completion = upload.completion {
                uploads.append((row, upload, completion))
            }
            return true
        }
        for (row, upload, completion) in uploads {
            let key = Key(UploadKey.objectKey(of: row.record.key.bytes))
            if try versions.exact(bucket.id, key, completion.stamp)?.record.op == completion.op {
                let address = RowAddress(row.record.bucket, row.record.key)
                try forget(row, try parts(of: address), keeping: [])
            } else {
                var open = row
                open.record.attributes = UploadRow(attributes: upload.attributes).encoded
                try rewrite(open)
            }
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

    /// A row of small state that a quorum decided. Nil: it was decided before this store was left alone, which may have
    /// deleted it since.
    func absorb(_ row: Row, decidedIn epoch: UInt64) throws -> [Stored]? {
        let fencing = pending.fencing
        if fencing.isSole, epoch < fencing.epoch { return nil }
        return try merge([row], epoch: .max)
    }
}
