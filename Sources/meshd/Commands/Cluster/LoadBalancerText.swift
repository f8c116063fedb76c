/// Configurations of load balancers before the S3 ports of a mesh.
///
/// Any node answers any request, so a balancer only has to know who is there: it asks each S3 port without a signature,
/// and whatever is no failure of the server is an answer. What it tries again was not begun, or may be done twice.
struct LoadBalancerText {
    struct Server: Hashable, Sendable {
        let name: String
        let address: ListenAddress
    }

    let servers: [Server]
    let listen: ListenAddress

    /// All addresses of a machine have a name of their own in each program.
    private func place(everywhere: String) -> String {
        ["0.0.0.0", "::"].contains(listen.host) ? everywhere + "\(listen.port)" : listen.description
    }

    var haproxy: String {
        let head = """
            # S3 of a mesh of \(servers.count): /etc/haproxy/haproxy.cfg, made by meshd \(Meshd.version).
            global
                maxconn 4096

            defaults
                mode http
                timeout connect 2s
                # Below the idle-timeout of the nodes: this side closes first.
                timeout client 60s
                timeout server 60s
                timeout http-keep-alive 60s
                retries 3
                option redispatch 1
                # A node that dies takes no request with it that fits a buffer and may be done twice.
                retry-on conn-failure empty-response

            frontend s3
                bind \(place(everywhere: "*:"))
                http-request disable-l7-retry if METH_POST
                default_backend meshd

            backend meshd
                balance leastconn
                option httpchk
                http-check send meth GET uri / ver HTTP/1.1 hdr Host meshd
                http-check expect ! rstatus ^5
                default-server check inter 1s fall 2 rise 2

            """
        return head + servers.map { "    server \($0.name) \($0.address)\n" }.joined()
    }

    var nginx: String {
        let lines = servers.map { "    server \($0.address) max_fails=1 fail_timeout=2s;  # \($0.name)\n" }.joined()
        return """
            # S3 of a mesh of \(servers.count): /etc/nginx/conf.d/meshd.conf, made by meshd \(Meshd.version).
            upstream meshd {
                least_conn;
            \(lines)    keepalive 64;
            }

            server {
                listen \(place(everywhere: ""));
                # Keys may hold two slashes in a row, and headers any name.
                merge_slashes off;
                ignore_invalid_headers off;
                # Objects have their own limits, and go through as they come.
                client_max_body_size 0;
                proxy_request_buffering off;
                proxy_buffering off;

                location / {
                    # Without a path: the address of a request is signed as it is.
                    proxy_pass http://meshd;
                    proxy_http_version 1.1;
                    proxy_set_header Host $http_host;
                    proxy_set_header Connection "";
                    proxy_connect_timeout 2s;
                    # Never for a POST, and never when a body was sent already.
                    proxy_next_upstream error timeout;
                    proxy_next_upstream_tries 3;
                }
            }

            """
    }
}
