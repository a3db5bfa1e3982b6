package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/pointsync/pointsync/api/console"
	"github.com/pointsync/pointsync/api/shop"
)

// consoleFiles is the route of what the console is made of.
const consoleFiles = "/console/:file"

// serveConsole installs the admin console's page and its files. They hold nothing secret: the addresses under /admin/
// that the page asks check the role of each request.
func serveConsole(e *echo.Echo, o Options) {
	if !o.Console {
		return
	}
	e.GET("/admin", withPolicy(shop.Policy, func(c echo.Context) error {
		return c.Blob(http.StatusOK, "text/html; charset=utf-8", console.HTML)
	}))
	e.GET(consoleFiles, withPolicy(shop.Policy, pageFile(console.File)))
}
