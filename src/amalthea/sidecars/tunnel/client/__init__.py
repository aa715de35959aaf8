"""The client on the other machine: one program for any Python from 3.6 on."""
