package api

import (
	"context"

	"github.com/pointsync/pointsync/pkg/checkout"
)

// CreatePortal returns the address of the billing portal.
func (s *server) CreatePortal(ctx context.Context, r CreatePortalRequestObject) (CreatePortalResponseObject, error) {
	url, err := s.checkout.Portal(
		ctx, caller(ctx).Account,
		checkout.PortalRequest{ReturnURL: value(r.Body.ReturnUrl), Login: caller(ctx).Login},
	)
	if err != nil {
		return nil, err
	}
	return CreatePortal201JSONResponse{Url: url}, nil
}
