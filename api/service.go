package api

import "context"

// GetJWKS answers the public keys.
func (s *server) GetJWKS(context.Context, GetJWKSRequestObject) (GetJWKSResponseObject, error) {
	return GetJWKS200JSONResponse{Keys: each(s.tokens.JWKS(), toAPIJWK)}, nil
}

// GetHealth says that the process lives.
func (s *server) GetHealth(context.Context, GetHealthRequestObject) (GetHealthResponseObject, error) {
	return GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReadiness says whether the database answers.
func (s *server) GetReadiness(ctx context.Context, _ GetReadinessRequestObject) (GetReadinessResponseObject, error) {
	if err := s.db.Ping(ctx); err != nil {
		return nil, err
	}
	return GetReadiness200JSONResponse{Status: "ok"}, nil
}
