"""Keep ports earning: find what is wrong from what stations and sessions say, and see it mended."""
