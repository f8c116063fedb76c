/// How the page looks, in light and in dark, on a desk and in a hand. No part of it comes from elsewhere.
enum ReportStyle {
    /// Mid tones that are told apart on white and on black.
    private static let colors = [
        "#d1495b", "#2e86ab", "#e08e1b", "#8462b0", "#3a9d5d", "#c05299", "#7a6c5d", "#1b998b", "#a23b2a", "#5c7cfa",
        "#94a01c", "#8d6be0",
    ]

    static var css: Markup {
        var rules = base
        for (index, color) in colors.enumerated() {
            rules += ".f\(index){fill:\(color)}.b\(index){background:\(color)}"
        }
        return Markup(stringLiteral: rules)
    }

    private static let base = """
        :root{color-scheme:light dark;--ink:#1c2127;--soft:#5b6672;--line:#dfe3e8;--page:#fff;--card:#f6f7f9;
        --good:#1a7f4b;--bad:#c4321f;--wash:#e9f5ee;--alarm:#fdecea;--slow:#e08e1b;--even:#2e86ab;--bar:#9cc7ae}
        @media(prefers-color-scheme:dark){:root{--ink:#e7eaee;--soft:#98a3af;--line:#323a44;--page:#14181d;--card:#1c2229;
        --good:#4cc38a;--bad:#ff7a68;--wash:#14291f;--alarm:#351a17;--slow:#f0a94a;--even:#66b3d9;--bar:#3c6b52}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
        "DejaVu Sans",sans-serif}
        main{max-width:1080px;margin:0 auto;padding:28px 24px 60px}
        h1{font-size:30px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
        h2{font-size:19px;margin:40px 0 10px}
        h3{font-size:15px;margin:18px 0 6px}
        p{margin:6px 0}
        .verdict{border-radius:14px;padding:26px 28px;background:var(--wash);border-left:6px solid var(--good)}
        .verdict.broken{background:var(--alarm);border-color:var(--bad)}
        .verdict h1{color:var(--good)}.verdict.broken h1{color:var(--bad)}
        .figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(130px,1fr));gap:12px;margin:18px 0 0}
        .figures div{background:var(--page);border-radius:10px;padding:10px 14px}
        .figures b{display:block;font-size:22px;line-height:1.25;font-variant-numeric:tabular-nums}
        .figures span,.soft{color:var(--soft)}
        .note{border-left:3px solid var(--slow);padding:2px 12px;margin:12px 0}
        code,pre{font:13px/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}
        pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:10px 12px;margin:8px 0;
        overflow-x:auto}
        pre.wrap{white-space:pre-wrap;overflow-wrap:anywhere}
        table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
        th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}
        th{font-weight:600;color:var(--soft);font-size:13px}
        .number{text-align:right;white-space:nowrap}
        .state{font-weight:600;white-space:nowrap}
        .kept{color:var(--good)}.broke{color:var(--bad)}
        .key{display:inline-block;width:11px;height:11px;border-radius:3px;margin-right:8px}
        .chart{margin:6px 0}.chart svg{display:block;max-width:100%;height:auto}.chart .narrow{display:none}
        svg text{font:11px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--soft)}
        svg .label{text-anchor:end}svg .tick{text-anchor:middle}
        svg .shade{fill:var(--card)}svg .grid{stroke:var(--line)}svg .axis{stroke:var(--soft)}
        svg .good{fill:var(--bar)}svg .bad{fill:var(--bad)}
        svg .p50{fill:none;stroke:var(--even);stroke-width:1.8}svg .p99{fill:none;stroke:var(--slow);stroke-width:1.8}
        svg .anomaly line{stroke:var(--bad);stroke-dasharray:3 3}svg .anomaly path{fill:var(--bad)}
        .legend{display:flex;flex-wrap:wrap;gap:4px 18px;color:var(--soft);font-size:13px;margin:4px 0 0}
        .card{border:1px solid var(--line);border-left:5px solid var(--bad);border-radius:10px;padding:12px 16px;
        margin:14px 0}
        .card>summary{font-weight:600;cursor:pointer;overflow-wrap:anywhere}
        details details{margin:8px 0}summary{cursor:pointer}
        .views{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:10px}
        .view{background:var(--card);border-radius:8px;padding:8px 12px;font-size:13px;overflow-wrap:anywhere}
        .pair{display:grid;grid-template-columns:1fr 1fr;gap:0 32px}
        .scroll{overflow-x:auto}
        td code{overflow-wrap:anywhere}
        footer{margin-top:44px;color:var(--soft);font-size:13px}
        @media(max-width:640px){main{padding:16px 14px 40px}.verdict{padding:18px}h1{font-size:24px}
        .chart .wide{display:none}.chart .narrow{display:block}.pair{grid-template-columns:1fr}
        .figures{grid-template-columns:1fr 1fr}th.text,td.text{display:none}
        table.promises td,table.promises tr{display:block;border:0;padding:1px 0;text-align:left}
        table.promises td:nth-child(-n+2){display:inline-block;margin-right:10px}
        table.promises thead{display:none}table.promises tr{border-bottom:1px solid var(--line);padding:8px 0}}
        @media print{details>*{display:block}.card{break-inside:avoid}}
        """
}
