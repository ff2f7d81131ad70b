package main

func picture(r report) []byte { return nil }
