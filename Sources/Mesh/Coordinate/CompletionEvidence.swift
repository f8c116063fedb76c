package import Store
package import Swim

/// What the holders of an upload tell about the object of its completion, when that is neither the current version nor
/// can become it: whether it was made and replaced or removed since, or never was (decision 81).
package enum CompletionEvidence {
    /// What a holder has of the upload, with what became of the bytes of its parts.
    package typealias Answer = (node: NodeID, answer: KeyView)

    package enum Verdict {
        case made
        /// Or nobody is left who could know: then the bytes of the parts decide whether another object can be made.
        case notMade
        case unknown
    }

    /// - Parameter op: the operation of the completion's object. Holders whose upload has another completion, or none, do
    ///   not testify; nor do those of builds that do not know the question.
    package static func verdict(_ answers: [Answer], of op: OpID, _ holders: HolderSet) -> Verdict {
        var silent: [NodeID] = []
        var hasBytes = false
        for (node, view) in answers {
            guard let row = view.found, UploadRow(row.record)?.completion?.op == op else { continue }
            switch row.body {
            case .handedOver: return .made
            case .staged: hasBytes = true
            case .absent: break
            case .empty, .inline, .parts: continue
            }
            silent.append(node)
        }
        if hasBytes, holders.isQuorum(silent) { return .notMade }
        return holders.everyone.allSatisfy { node in answers.contains { $0.node == node } } ? .notMade : .unknown
    }
}
