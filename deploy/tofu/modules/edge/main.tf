# A web ACL for the load balancer: rates by address, and AWS's own lists. Its ARN goes into the ingress's annotations.
variable "name" { type = string }
variable "requests_per_5_minutes" { type = number }
variable "answers_per_5_minutes" { type = number }

resource "aws_wafv2_web_acl" "this" {
  name  = var.name
  scope = "REGIONAL"
  default_action {
    allow {}
  }
  rule {
    name     = "rate"
    priority = 1
    action {
      block {
        custom_response { response_code = 429 }
      }
    }
    statement {
      rate_based_statement {
        limit              = var.requests_per_5_minutes
        aggregate_key_type = "IP"
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
      metric_name                = "${var.name}-rate"
    }
  }
  # An answer costs money: fewer of them.
  rule {
    name     = "answers"
    priority = 2
    action {
      block {
        custom_response { response_code = 429 }
      }
    }
    statement {
      rate_based_statement {
        limit              = var.answers_per_5_minutes
        aggregate_key_type = "IP"
        scope_down_statement {
          byte_match_statement {
            search_string         = "/v1/answers"
            positional_constraint = "STARTS_WITH"
            field_to_match {
              uri_path {}
            }
            text_transformation {
              priority = 0
              type     = "NORMALIZE_PATH"
            }
          }
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = true
      metric_name                = "${var.name}-answers"
    }
  }
  # Addresses and inputs that are known to be bad. The common rules aren't used: they read bodies, and questions about
  # SQL or scripts are questions.
  dynamic "rule" {
    for_each = { AWSManagedRulesAmazonIpReputationList = 3, AWSManagedRulesKnownBadInputsRuleSet = 4 }
    content {
      name     = rule.key
      priority = rule.value
      override_action {
        none {}
      }
      statement {
        managed_rule_group_statement {
          vendor_name = "AWS"
          name        = rule.key
        }
      }
      visibility_config {
        cloudwatch_metrics_enabled = true
        sampled_requests_enabled   = true
        metric_name                = "${var.name}-${rule.key}"
      }
    }
  }
  # Metrics are for inside.
  rule {
    name     = "metrics"
    priority = 5
    action {
      block {
        custom_response { response_code = 404 }
      }
    }
    statement {
      byte_match_statement {
        search_string         = "/metrics"
        positional_constraint = "EXACTLY"
        field_to_match {
          uri_path {}
        }
        text_transformation {
          priority = 0
          type     = "NORMALIZE_PATH"
        }
      }
    }
    visibility_config {
      cloudwatch_metrics_enabled = true
      sampled_requests_enabled   = false
      metric_name                = "${var.name}-metrics"
    }
  }
  visibility_config {
    cloudwatch_metrics_enabled = true
    sampled_requests_enabled   = true
    metric_name                = var.name
  }
}

output "web_acl_arn" { value = aws_wafv2_web_acl.this.arn }
