import NIOCore
import Store
import Testing

@testable import Mesh

@Suite struct S3DocumentTests {
    static let xmlns = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

    @Test("request documents are read with a namespace, a prefix or none")
    func requests() throws {
        for root in ["Delete", "Delete \(Self.xmlns)", "Delete xmlns='x' "] {
            let text = """
                <?xml version="1.0" encoding="UTF-8"?><!-- c --><\(root)>
                <Object><Key>a&lt;&amp;&#x1;&#233;b</Key><VersionId>null</VersionId></Object>
                <Object><Key><![CDATA[<x>]]></Key></Object><Quiet>true</Quiet></Delete>
                """
            let delete = try S3Document.delete(Array(text.utf8))
            #expect(delete.isQuiet && delete.objects.count == 2)
            #expect(delete.objects.first?.key == Array("a<&\u{1}éb".utf8) && delete.objects.first?.version == "null")
            #expect(delete.objects.last?.key == Array("<x>".utf8))
        }
        let location =
            "<CreateBucketConfiguration><LocationConstraint>eu-1</LocationConstraint></CreateBucketConfiguration>"
        #expect(try S3Document.createBucket(Array(location.utf8)) == "eu-1")
        #expect(try S3Document.createBucket([]) == nil)
        let state =
            "<s:VersioningConfiguration xmlns:s=\"u\"><s:Status>Suspended</s:Status></s:VersioningConfiguration>"
        #expect(try S3Document.versioning(Array(state.utf8)) == .suspended)
        let complete = """
            <CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"\(String(repeating: "0", count: 32))"</ETag>
            <ChecksumCRC32>y/Q5Jg==</ChecksumCRC32></Part><Part><ETag>x</ETag><PartNumber>3</PartNumber></Part>
            </CompleteMultipartUpload>
            """
        let parts = try S3Document.complete(Array(complete.utf8))
        #expect(parts.map(\.number) == [1, 3] && parts[0].checksum?.text == "y/Q5Jg==" && parts[1].etag == nil)
    }

    @Test("what is not the schema is MalformedXML")
    func malformed() {
        let bad = [
            "", "<", "<Delete>", "<Delete></Deleted>", "<Delete/><Delete/>", "<Delete>x</Delete>", "<Other/>",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><Delete/>", "<Delete><Object><Key>&b;</Key></Object></Delete>",
            "<Delete><Object><Key>a</Key><Who/></Object></Delete>", "<Delete><Object/></Delete>",
            "<Delete><Object><Key>&#xD800;</Key></Object></Delete>", "<?php ?><Delete/>", "<Delete a=b/>",
            String(repeating: "<a>", count: 100_000), "<Delete><Object><Key>a</Key></Object></Delete>x",
            "<Delete>" + String(repeating: "<Object><Key>a</Key></Object>", count: 1001) + "</Delete>",
        ]
        for text in bad {
            #expect(throws: S3Error.self, "\(text.prefix(60))") { _ = try S3Document.delete(Array(text.utf8)) }
        }
        let order = """
            <CompleteMultipartUpload><Part><PartNumber>2</PartNumber><ETag>a</ETag></Part><Part><PartNumber>1</PartNumber>
            <ETag>a</ETag></Part></CompleteMultipartUpload>
            """
        #expect(throws: S3Error(.invalidPartOrder, nil, [.init("PartNumber", "1")])) {
            _ = try S3Document.complete(Array(order.utf8))
        }
        #expect(throws: S3Error(.maxMessageLengthExceeded)) {
            _ = try S3Document.versioning([UInt8](repeating: 32, count: S3Document.configurationBytesMax + 1))
        }
    }

    @Test("garbage in documents is an error value, never a trap", arguments: 0..<20)
    func garbage(seed: UInt64) {
        var random = S3Random(seed)
        let documents = [
            "<Delete><Object><Key>a&#x1;</Key><Size>1</Size></Object><Quiet>true</Quiet></Delete>",
            "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>",
        ]
        for _ in 0..<200 {
            for (index, text) in documents.enumerated() {
                let bytes = random.mangled(Array(text.utf8))
                switch index {
                case 0:
                    if let delete = try? S3Document.delete(bytes) { #expect(!delete.objects.isEmpty, "seed \(seed)") }
                case 1: if let set = try? S3Document.tagging(bytes) { #expect(set.tags.count <= 10, "seed \(seed)") }
                default: if let parts = try? S3Document.complete(bytes) { #expect(!parts.isEmpty, "seed \(seed)") }
                }
            }
        }
    }

    @Test("tags obey S3's rules and come back from header, document and disk")
    func tags() throws {
        let set = try TagSet(header: Array("a=1&b+c=%C3%A9&empty=".utf8))
        #expect(set.tags.map(\.key) == ["a", "b c", "empty"] && set.tags[1].value == "é")
        #expect(TagSet(encoded: set.encoded) == set && TagSet(encoded: []) == .empty)
        var buffer = ByteBuffer()
        S3Answers.tagging(set, into: &buffer)
        #expect(try S3Document.tagging(Array(buffer.readableBytesView)) == set)
        for bad in ["a=1&a=2", "=1", "aws:x=1", "a%zz=1", "a=\(String(repeating: "v", count: 257))", "a=%01"] {
            #expect(throws: S3Error.self, "\(bad)") { _ = try TagSet(header: Array(bad.utf8)) }
        }
        #expect(throws: S3Error.self) {
            _ = try TagSet(header: Array((0...10).map { "k\($0)=v" }.joined(separator: "&").utf8))
        }
        for count in 1..<set.encoded.count { #expect(TagSet(encoded: Array(set.encoded[..<count])) != set) }
    }

    @Test("attributes come back from their bytes; cut or mangled bytes never trap")
    func attributes() throws {
        let table = HeaderTable([
            ("Content-Type", "text/x"), ("Content-Encoding", "aws-chunked, gzip"), ("x-amz-meta-A", "é"),
            ("x-amz-meta-a", "2"), ("Expires", "soon"), ("Cache-Control", "no-cache"),
        ])
        var attributes = try ObjectAttributes(table)
        attributes.checksum = ChecksumValue(.crc32, [1, 2, 3, 4], type: .composite, parts: 300)
        attributes.checksumAlgorithm = .sha1
        attributes.checksumType = .composite
        attributes.owner = "root"
        #expect(attributes.contentEncoding == "gzip" && attributes.metadata == [.init(name: "a", value: "é,2")])
        #expect(ObjectAttributes(encoded: attributes.encoded) == attributes)
        #expect(ObjectAttributes.checksum(in: attributes.encoded) == attributes.checksum)
        #expect(ObjectAttributes(encoded: []) == ObjectAttributes())
        let part = PartAttributes(checksum: attributes.checksum)
        #expect(PartAttributes(encoded: part.encoded) == part)
        #expect(try ObjectAttributes(HeaderTable([("content-encoding", "aws-chunked")])).contentEncoding == nil)
        #expect(throws: S3Error.self) {
            _ = try ObjectAttributes(HeaderTable([("x-amz-meta-a", String(repeating: "v", count: 2048))]))
        }
        var random = S3Random(4)
        for count in attributes.encoded.indices {
            #expect(ObjectAttributes(encoded: Array(attributes.encoded[..<count])) != attributes)
            _ = PartAttributes(encoded: Array(part.encoded.prefix(count)))
        }
        for _ in 0..<2000 {
            let junk = random.mangled(attributes.encoded)
            if let read = ObjectAttributes(encoded: junk) { #expect(ObjectAttributes(encoded: read.encoded) == read) }
            _ = ObjectAttributes.checksum(in: junk)
            _ = TagSet(encoded: junk)
        }
    }

    func record(_ key: String, kind: Record.Kind = .object) -> Record {
        Record(
            bucket: BucketID(rawValue: 1),
            key: Key(key),
            stamp: Stamp(t: 1_767_323_045_678 << 16, w: 1, q: 0),
            kind: kind,
            isNull: false,
            size: 9,
            etag: ETag(high: 1, low: 2, parts: 2),
            body: .inline,
            attributes: [],
            tags: []
        )
    }

    @Test("listings have S3's names, order and quotes")
    func listings() {
        let owner = S3Owner(id: "o", displayName: "O")
        var buffer = ByteBuffer()
        var asked = ListArguments()
        asked.version = 2
        asked.delimiter = [UInt8(ascii: "/")]
        asked.urlEncoded = true
        let page = ListPage(entries: [.object(record("a b&")), .commonPrefix(Array("é/".utf8))], isTruncated: true)
        S3Answers.objects(page, asked, bucket: "bk", owner: owner, into: &buffer)
        let token = ContinuationToken.encode(Array("é/".utf8))
        #expect(
            String(buffer: buffer) == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult \(Self.xmlns)>"
                + "<Name>bk</Name><Prefix></Prefix><NextContinuationToken>\(token)</NextContinuationToken>"
                + "<KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><EncodingType>url</EncodingType>"
                + "<IsTruncated>true</IsTruncated><Contents><Key>a%20b%26</Key>"
                + "<LastModified>2026-01-02T03:04:05.678Z</LastModified>"
                + "<ETag>&quot;00000000000000010000000000000002-2&quot;</ETag><Size>9</Size>"
                + "<StorageClass>STANDARD</StorageClass></Contents>"
                + "<CommonPrefixes><Prefix>%C3%A9/</Prefix></CommonPrefixes></ListBucketResult>"
        )
        buffer.clear()
        let versions = VersionsPage(
            entries: [
                .version(record("k", kind: .deleteMarker), isLatest: true), .version(record("k"), isLatest: false),
            ],
            isTruncated: false
        )
        S3Answers.versions(versions, ListVersionsArguments(), bucket: "bk", owner: owner, into: &buffer)
        let text = String(buffer: buffer)
        #expect(
            text.contains("<DeleteMarker><Key>k</Key><VersionId>") && text.contains("</DeleteMarker><Version><Key>k<")
        )
    }

    @Test("a bulk delete's answer names keys, markers and errors; a quiet one only errors")
    func deleted() {
        let outcomes = [
            S3Answers.DeleteOutcome(key: [97], version: nil, error: nil, deleteMarkerVersion: "m"),
            S3Answers.DeleteOutcome(key: [98], version: "v", error: S3Error(.accessDenied), deleteMarkerVersion: nil),
        ]
        var buffer = ByteBuffer()
        S3Answers.deleted(outcomes, isQuiet: false, into: &buffer)
        let full = String(buffer: buffer)
        #expect(full.contains("<Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m</"))
        #expect(full.contains("<Error><Key>b</Key><VersionId>v</VersionId><Code>AccessDenied</Code>"))
        buffer.clear()
        S3Answers.deleted(outcomes, isQuiet: true, into: &buffer)
        #expect(!String(buffer: buffer).contains("<Deleted>"))
    }
}
