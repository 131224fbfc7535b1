terraform {
  required_version = ">= 1.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
  # Keep the state where your team does, encrypted: it holds passwords.
  # backend "s3" { bucket = "company-tofu", key = "footnote", region = "eu-central-1", encrypt = true, use_lockfile = true }
}

provider "aws" {
  region = var.region
  default_tags {
    tags = { footnote = var.name }
  }
}

variable "region" {
  type    = string
  default = "eu-central-1"
}
