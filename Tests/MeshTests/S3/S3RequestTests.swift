import NIOCore
import Store
import Testing

@testable import Mesh

@Suite struct S3RequestTests {
    func parse(
        _ method: String,
        _ target: String,
        _ headers: [(String, String)] = [],
        domains: [String] = ["s3.example.org"]
    ) throws(S3Error) -> S3Request {
        let table = HeaderTable(headers + [("Host", "localhost:9000")])
        return try S3Request(try S3Head(method: method, target: target, headers: table), domains: domains)
    }

    func code(_ method: String, _ target: String, _ headers: [(String, String)] = []) -> S3ErrorCode? {
        do {
            _ = try parse(method, target, headers)
            return nil
        } catch {
            return error.code
        }
    }

    @Test("every operation is found by its method and query")
    func operations() throws {
        let upload = "uploadId=00"
        let cases: [(String, String, String)] = [
            ("GET", "/", "ListBuckets"), ("PUT", "/bucket", "CreateBucket"), ("HEAD", "/bucket/", "HeadBucket"),
            ("DELETE", "/bucket", "DeleteBucket"), ("GET", "/bucket?location", "GetBucketLocation"),
            ("GET", "/bucket?versioning", "GetBucketVersioning"), ("PUT", "/bucket?versioning", "PutBucketVersioning"),
            ("GET", "/bucket/?acl", "GetACL"), ("GET", "/bucket/k?acl", "GetACL"), ("GET", "/bucket", "ListObjects"),
            ("GET", "/bucket?list-type=2", "ListObjectsV2"), ("GET", "/bucket?versions", "ListObjectVersions"),
            ("GET", "/bucket?uploads", "ListMultipartUploads"), ("POST", "/bucket?delete", "DeleteObjects"),
            ("GET", "/bucket/k?x-id=GetObject", "GetObject"), ("HEAD", "/bucket/k", "HeadObject"),
            ("PUT", "/bucket/k?x-id=PutObject", "PutObject"), ("DELETE", "/bucket/k", "DeleteObject"),
            ("GET", "/bucket/k?tagging", "GetObjectTagging"), ("PUT", "/bucket/k?tagging", "PutObjectTagging"),
            ("DELETE", "/bucket/k?tagging", "DeleteObjectTagging"),
            ("POST", "/bucket/k?uploads", "CreateMultipartUpload"),
            ("PUT", "/bucket/k?partNumber=1&\(upload)", "UploadPart"),
            ("POST", "/bucket/k?\(upload)", "CompleteMultipartUpload"),
            ("DELETE", "/bucket/k?\(upload)", "AbortMultipartUpload"), ("GET", "/bucket/k?\(upload)", "ListParts"),
        ]
        for (method, target, name) in cases {
            #expect(try parse(method, target).operation.name == name, "\(method) \(target)")
        }
        let copy = [("x-amz-copy-source", "/other/a%20b%2Bc?versionId=null")]
        let source = try parse("PUT", "/bucket/k", copy)
        guard case .copyObject(let from) = source.operation else { throw S3Error(.internalError) }
        #expect(from.bucket == "other" && from.key.text == "a b+c" && from.version == .null)
        #expect(try parse("PUT", "/bucket/k?partNumber=2&uploadId=x", copy).operation.name == "UploadPartCopy")
        let attributes = [("x-amz-object-attributes", "ETag, ObjectSize"), ("x-amz-object-attributes", "Checksum")]
        #expect(try parse("GET", "/bucket/k?attributes", attributes).operation.name == "GetObjectAttributes")
    }

    @Test("keys are flat: every spelling that a client may send is its own key")
    func keys() throws {
        let cases = [
            ("/bucket/a%20b", "a b"), ("/bucket/a+b", "a+b"), ("/bucket/a%2520b", "a%20b"), ("/bucket//lead", "/lead"),
            ("/bucket/a//b", "a//b"), ("/bucket/a/", "a/"), ("/bucket/..", ".."), ("/bucket/a/../b", "a/../b"),
            ("/bucket/%C3%A9", "é"), ("/bucket/%2Flead", "/lead"), ("http://h:1/bucket/k?x", "k"),
        ]
        for (target, key) in cases { #expect(try parse("GET", target).key?.text == key, "\(target)") }
        #expect(code("GET", "/bucket/%zz") == .invalidURI)
        #expect(code("GET", "/bucket/%ff") == .invalidURI)
        #expect(code("PUT", "/bucket/" + String(repeating: "k", count: 1025)) == .keyTooLong)
        #expect(code("PUT", "/bucket/" + String(repeating: "k", count: 1024)) == nil)
    }

    @Test("a bucket in the host name is found below a configured domain only")
    func virtualHost() throws {
        let table = HeaderTable([("host", "Photos.s3.example.org:9000")])
        let request = try S3Request(
            try S3Head(method: "GET", target: "/dir/k", headers: table),
            domains: ["s3.example.org"]
        )
        #expect(request.bucket == "photos" && request.key?.text == "dir/k")
        let plain = HeaderTable([("host", "s3.example.org")])
        let path = try S3Request(
            try S3Head(method: "GET", target: "/dir/k", headers: plain),
            domains: ["s3.example.org"]
        )
        #expect(path.bucket == "dir" && path.key?.text == "k")
    }

    @Test("what is not implemented answers 501 with its name")
    func unsupported() {
        for name in Unsupported.subresources {
            for (method, target) in [("GET", "/bucket?\(name)"), ("PUT", "/bucket/k?\(name)=")] {
                do {
                    _ = try parse(method, target)
                    Issue.record("\(name) was accepted")
                } catch {
                    #expect(error.status == 501 && error.message.contains("\(name)"))
                }
            }
        }
        for header in [
            "x-amz-server-side-encryption", "x-amz-object-lock-mode", "x-amz-grant-read", "x-amz-mfa",
        ] {
            #expect(code("PUT", "/bucket/k", [(header, "v")]) == .notImplemented, "\(header)")
        }
        #expect(code("PUT", "/bucket?acl") == .notImplemented)
        #expect(code("PUT", "/bucket/k", [("x-amz-acl", "public-read")]) == .notImplemented)
        #expect(code("PUT", "/bucket/k", [("x-amz-acl", "private")]) == nil)
        #expect(code("PUT", "/bucket/k", [("x-amz-acl", "nonsense")]) == .invalidArgument)
        #expect(code("PUT", "/bucket/k", [("x-amz-storage-class", "GLACIER")]) == .invalidStorageClass)
        #expect(code("PUT", "/bucket/k", [("x-amz-storage-class", "STANDARD")]) == nil)
        #expect(code("PUT", "/bucket/k", [("x-mesh-consistency", "two")]) == .invalidArgument)
    }

    @Test("arguments are checked: numbers, tokens, encodings, versions")
    func arguments() throws {
        #expect(code("GET", "/bucket?max-keys=-1") == .invalidArgument)
        #expect(code("GET", "/bucket?max-keys=x") == .invalidArgument)
        #expect(code("GET", "/bucket?list-type=3") == .invalidArgument)
        #expect(code("GET", "/bucket?encoding-type=xml") == .invalidArgument)
        #expect(code("GET", "/bucket?list-type=2&continuation-token=zz") == .invalidArgument)
        #expect(code("PUT", "/bucket/k?partNumber=0&uploadId=x") == .invalidArgument)
        #expect(code("PUT", "/bucket/k?partNumber=10001&uploadId=x") == .invalidArgument)
        #expect(code("GET", "/bucket/k?versionId=short") == .invalidArgument)
        #expect(code("PUT", "/bucket/k?versionId=null") == .invalidArgument)
        #expect(code("GET", "/Bucket_X/k") == .invalidBucketName)
        #expect(code("PATCH", "/bucket/k") == .methodNotAllowed)
        let token = ContinuationToken.encode(Array("a b/é".utf8))
        let list = try parse("GET", "/bucket?list-type=2&prefix=a+b&max-keys=5000&continuation-token=\(token)")
        guard case .listObjects(let arguments) = list.operation else { throw S3Error(.internalError) }
        #expect(arguments.prefix == Array("a b".utf8) && arguments.limit == 1000)
        #expect(arguments.after == Array("a b/é".utf8))
        let get = try parse("GET", "/bucket/k?response-content-type=text%2Fx&partNumber=3")
        guard case .getObject(let found) = get.operation else { throw S3Error(.internalError) }
        #expect(found.partNumber == 3 && found.overrides.first?.value == "text/x")
    }

    @Test("headers of a presigned URL's query count as headers")
    func hoisted() throws {
        let request = try parse("PUT", "/bucket/k?X-Amz-Signature=0&x-amz-meta-a=b%20c&X-Amz-Acl=private")
        #expect(request.head.headers.string("x-amz-meta-a") == "b c")
    }

    @Test("names of buckets follow the rules")
    func bucketNames() {
        for good in ["abc", "a.b-c", "123", String(repeating: "a", count: 63)] {
            #expect(BucketName.mayBeCreated(good), "\(good)")
        }
        for bad in ["ab", "A-b", "-ab", "ab-", "a..b", "1.2.3.4", "a_b", "xn--a", "a-s3alias", "a/b", "é-é"] {
            #expect(!BucketName.mayBeCreated(bad), "\(bad)")
        }
    }

    @Test("garbage in target and headers is an error value, never a trap", arguments: 0..<20)
    func garbage(seed: UInt64) {
        var random = S3Random(seed)
        let good = "/bucket/k%20?list-type=2&continuation-token=01&versionId=null&partNumber=1&max-keys=3&prefix=%C3%A9"
        for _ in 0..<300 {
            let target = random.mangled(Array(good.utf8))
            let name = String(decoding: random.mangled(Array("x-amz-copy-source".utf8)), as: UTF8.self)
            let value = String(decoding: random.mangled(Array("/a/b%20?versionId=null".utf8)), as: UTF8.self)
            let table = HeaderTable([
                (name, value), ("x-amz-copy-source", value), ("range", value), ("if-match", value),
            ])
            guard let parsed = try? RequestTarget(target) else { continue }
            let method = S3Method(["GET", "PUT", "POST", "DELETE", "HEAD"].randomElement(using: &random) ?? "GET")
            let head = S3Head(method: method, target: parsed, headers: table)
            let request = try? S3Request(head, domains: ["x"])
            #expect(request == nil || request?.operation.name != "", "seed \(seed)")
        }
    }
}
