package sandbox

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guarded keeps pages of other sites, open in the same browser, away from the panel and the controls. Tools pass,
// because they send no browser headers. It blocks two ways in:
//   - A form or script of another site posts here. The Origin and Sec-Fetch-Site headers of browsers show it.
//   - A site lets its own name resolve to this machine (DNS rebinding). The browser then takes this server for the same
//     site. So the server accepts only host names that a stranger cannot own.
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

// privateEndings are top-level names that no one can register: RFC 6761, RFC 6762, RFC 8375, and ICANN's internal.
var privateEndings = []string{".localhost", ".local", ".internal", ".test", ".home.arpa"}

// local reports whether a Host header is an IP address, or a name that no stranger can point here.
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
		return true // localhost, or the name of another service in a compose file
	}
	for _, ending := range privateEndings {
		if strings.HasSuffix(name, ending) {
			return true
		}
	}
	return false
}
