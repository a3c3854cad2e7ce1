// Gets a token with golang.org/x/oauth2 and prints it.
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"

	"golang.org/x/oauth2/clientcredentials"
)

func main() {
	config := clientcredentials.Config{
		ClientID:       os.Getenv("CLIENT_ID"),
		ClientSecret:   os.Getenv("CLIENT_SECRET"),
		TokenURL:       os.Getenv("ISSUER") + "/oauth2/token",
		Scopes:         []string{"orders:read"},
		EndpointParams: url.Values{"resource": {os.Getenv("RESOURCE")}},
	}
	token, err := config.Token(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(token.AccessToken)
}
