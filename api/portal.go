package api

import "context"

// CreatePortal returns the address of the billing portal.
func (s *server) CreatePortal(ctx context.Context, r CreatePortalRequestObject) (CreatePortalResponseObject, error) {
	url, err := s.checkout.Portal(ctx, caller(ctx).Account, value(r.Body.ReturnUrl))
	if err != nil {
		return nil, err
	}
	return CreatePortal201JSONResponse{Url: url}, nil
}
