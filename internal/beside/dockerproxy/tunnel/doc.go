// Package tunnel relays HTTP/1 connections to a server byte for byte, but for the bodies and request
// targets that its caller wants to change.
//
// One connection of a client is one connection to the server. Of a message only the head is parsed, to know where the
// message ends; head, body, chunk extensions and trailers are passed on as they came, as soon as they come. Some bytes
// are relayed blindly in both directions until each ends: those that cannot be understood, and all after an upgrade
// (101) or an answer that ends with the connection. So half-closed streams, HTTP/2 and all else that a server and its
// client agree on go through. The server alone refuses bad requests.
//
// net/http's ReverseProxy is not used: it sends heads of its own making, answers some requests itself,
// and makes this program larger by half.
package tunnel
