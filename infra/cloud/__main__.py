"""`python -m infra.cloud` writes the Terraform file and the chart's templates anew."""

from infra.cloud import kubernetes, terraform

if __name__ == "__main__":
    for file, text in [(terraform.FILE, terraform.written()), *kubernetes.files()]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
