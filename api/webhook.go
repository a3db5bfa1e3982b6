package api

import (
	"io"
	"net/http"

	"github.com/labstack/echo/v4"
)

const webhookPath = "/webhook"

// receiveWebhook takes Stripe's events. It reads the raw body, which the signature is over, so it stands outside the
// generated server.
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
