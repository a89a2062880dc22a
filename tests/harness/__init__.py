"""What a black-box case needs: the binary, pipelines, Kafka clients, readers of the lake, and waiting for a condition."""
