package api

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/swaggest/swgui/v5emb"

	"github.com/pointsync/pointsync/api/shop"
)

// docsPolicy lets the documentation page run the scripts and styles that its library writes inline.
const docsPolicy = "default-src 'none'; base-uri 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'"

// servePages installs the routes that do not speak JSON.
func servePages(e *echo.Echo, o Options, metrics *prometheus.Registry) error {
	metrics.MustRegister(
		newRunMetrics(o.DB), newOutgoingMetrics(o.DB), newStreamMetric(o.Accounts), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})))
	e.GET("/openapi.yaml", func(c echo.Context) error { return c.Blob(http.StatusOK, "application/yaml", openAPI) })
	docs := problemIfMissing(v5emb.New("pointsync", "/openapi.yaml", "/docs"))
	e.GET("/docs", withPolicy(docsPolicy, docs))
	e.GET("/docs/*", withPolicy(docsPolicy, docs))
	if o.Mails != nil {
		e.GET("/mails", withPolicy(shop.Policy, showMails(o.Mails)))
		e.GET("/mails.json", listMails(o.Mails))
	}
	if o.Shop {
		page := shop.Page(o.SandboxURL)
		e.GET(
			"/",
			withPolicy(
				shop.Policy,
				func(c echo.Context) error { return c.Blob(http.StatusOK, "text/html; charset=utf-8", page) },
			),
		)
		e.GET("/shop/:file", withPolicy(shop.Policy, shopFile))
	}
	return serveDocuments(e)
}

// problemIfMissing returns a handler of pages whose missing files are problems, as everywhere.
func problemIfMissing(pages http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		w := &missing{ResponseWriter: c.Response()}
		pages.ServeHTTP(w, c.Request())
		if w.isMissing {
			return echo.ErrNotFound
		}
		return nil
	}
}

// missing passes a response on unless it is a 404.
type missing struct {
	http.ResponseWriter
	isMissing bool
}

// WriteHeader notes a 404.
func (m *missing) WriteHeader(status int) {
	if m.isMissing = status == http.StatusNotFound; !m.isMissing {
		m.ResponseWriter.WriteHeader(status)
	}
}

// Write drops the text of a 404.
func (m *missing) Write(b []byte) (int, error) {
	if m.isMissing {
		return len(b), nil
	}
	return m.ResponseWriter.Write(b)
}

// shopFile serves a module of the shop, or its style sheet.
func shopFile(c echo.Context) error {
	content, err := shop.Files.ReadFile(c.Param("file"))
	if err != nil {
		return echo.ErrNotFound
	}
	kind := "text/javascript; charset=utf-8"
	if strings.HasSuffix(c.Param("file"), ".css") {
		kind = "text/css; charset=utf-8"
	}
	return c.Blob(http.StatusOK, kind, content)
}

func withPolicy(policy string, next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Content-Security-Policy", policy)
		return next(c)
	}
}
