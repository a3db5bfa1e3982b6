package sandbox

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guarded keeps other sites' pages, open in the same browser, away from the panel and the controls. Tools, which send
// none of a browser's headers, pass. Two ways are closed:
//   - a form or script of another site that posts here, by the Origin and Sec-Fetch-Site that browsers send;
//   - a site that lets its own name resolve to this machine (DNS rebinding), which a browser takes for the same site:
//     only names that a stranger cannot own are answered.
func guarded(next http.Handler) http.Handler {
	sameSite := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(
			r.URL.Path, "/_sandbox/",
		) && !strings.HasPrefix(r.URL.Path, "/panel/") && r.URL.Path != "/" {
			next.ServeHTTP(out, r)
			return
		}
		if !local(r.Host) {
			answerJSON(out, http.StatusForbidden, map[string]string{
				"error": "The panel and the controls answer to an IP address, localhost, a name without a dot, and names of a private network only.",
			})
			return
		}
		if err := sameSite.Check(r); err != nil {
			answerJSON(
				out, http.StatusForbidden,
				map[string]string{"error": "This came from another site's page: " + err.Error() + "."},
			)
			return
		}
		next.ServeHTTP(out, r)
	})
}

// privateEndings are top-level names that nobody can register: RFC 6761, RFC 6762, RFC 8375, and ICANN's internal.
var privateEndings = []string{".localhost", ".local", ".internal", ".test", ".home.arpa"}

// local tells whether a Host header names an address, or a name that no stranger can let point here.
func local(host string) bool {
	name := host
	if bare, _, err := net.SplitHostPort(host); err == nil {
		name = bare
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	if !strings.Contains(name, ".") {
		return true // localhost, or a neighbour's name within a compose file
	}
	for _, ending := range privateEndings {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}
