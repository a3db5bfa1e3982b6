package api

import (
	"io"
	"net/http"

	"github.com/labstack/echo/v4"
)

const webhookPath = "/webhook"

// receiveWebhook accepts Stripe's events. It is not part of the generated server because it reads the raw body, which
// the signature covers.
func (s *server) receiveWebhook(c echo.Context) error {
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxWebhookBody))
	if err != nil {
		return unreadable(err)
	}
	if err := s.inbox.Accept(c.Request().Context(), body, c.Request().Header.Get("Stripe-Signature")); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]bool{"received": true})
}
