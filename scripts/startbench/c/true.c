/* The command that every peer starts: as little as a process can be. */
int main(void) { return 0; }
