"""The benchmark: Catchwater beside what others do with the same million orders on the same machine."""
