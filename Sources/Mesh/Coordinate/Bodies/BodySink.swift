package import NIOCore
package import Store

/// A body that is too large for its row, on its way in. One caller at a time.
///
/// Chunks have `BlobWriter.chunkBytes` each, only the last may be shorter. Nothing is visible until a change names what
/// `finish` returned; a sink that is let go leaves only dead bytes behind.
package final class BodySink: Sendable {
    private enum Road: Sendable {
        /// This node alone holds everything.
        case local(BlobWriter)
        /// `carriesOne`: a body of one chunk goes with its row, in one call.
        case spread(SpreadSink, carriesOne: Bool)
    }

    private let road: Road

    init(_ writer: BlobWriter) { road = .local(writer) }

    init(_ sink: SpreadSink, carriesOne: Bool) { road = .spread(sink, carriesOne: carriesOne) }

    /// Hands over one chunk and returns when the next may come. `observe` sees the bytes on a thread that may compute:
    /// digests belong there, not on an event loop.
    package func append(
        _ chunk: ByteBuffer,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    ) async throws {
        switch road {
        case .local(let writer): try await writer.append(chunk, observe: observe)
        case .spread(let sink, _):
            try await sink.append(chunk)
            try await Self.look(at: chunk, observe)
        }
    }

    /// Durable, where there are several holders on a quorum of them, when this returns.
    package func finish(
        appending chunk: ByteBuffer? = nil,
        observe: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
    ) async throws -> NewBody {
        switch road {
        case .local(let writer): return .blob(try await writer.finish(appending: chunk, observe: observe))
        case .spread(let sink, let carriesOne):
            if carriesOne, sink.isEmpty, let chunk, chunk.readableBytes > 0 {
                try await Self.look(at: chunk, observe)
                return .inline(chunk)
            }
            if let chunk, chunk.readableBytes > 0 { try await append(chunk, observe: observe) }
            try await sink.finish()
            return .staged(sink.op)
        }
    }

    /// Gives up what was written. A local stream needs no word: it goes when the sink does.
    package func discard() {
        if case .spread(let sink, _) = road { sink.discard() }
    }

    private static func look(
        at chunk: ByteBuffer,
        _ observe: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    ) async throws {
        guard let observe else { return }
        try await SharedThreads.compute { chunk.withUnsafeReadableBytes { observe($0) } }
    }
}
