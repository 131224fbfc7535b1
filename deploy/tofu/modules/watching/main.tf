# What Prometheus can't see: the managed services' own alarms, and the bill.
variable "name" { type = string }
variable "emails" { type = list(string) }
variable "domain_name" { type = string }
variable "database_identifier" { type = string }
variable "queue_id" { type = string }
variable "kms_key_arn" { type = string }
variable "monthly_budget_usd" { type = number }

data "aws_caller_identity" "this" {}

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "this" {
  for_each  = toset(var.emails)
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  domain = { DomainName = var.domain_name, ClientId = data.aws_caller_identity.this.account_id }
  alarms = {
    search-red = {
      namespace  = "AWS/ES", metric = "ClusterStatus.red", statistic = "Maximum", above = 1, below = null, periods = 1
      dimensions = local.domain, text = "The index lacks shards: searches fail."
    }
    search-blocked = {
      namespace  = "AWS/ES", metric = "ClusterIndexWritesBlocked", statistic = "Maximum", above = 1, below = null, periods = 1
      dimensions = local.domain, text = "The index takes no writes, revocations included."
    }
    search-storage = {
      namespace  = "AWS/ES", metric = "FreeStorageSpace", statistic = "Minimum", above = null, below = 50000, periods = 3
      dimensions = local.domain, text = "Less than 50 GB are free on a data node."
    }
    search-memory = {
      namespace  = "AWS/ES", metric = "KNNGraphMemoryUsagePercentage", statistic = "Maximum", above = 90, below = null, periods = 5
      dimensions = local.domain, text = "The graphs of vectors fill their memory: they will be loaded again and again."
    }
    catalog-storage = {
      namespace  = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum", above = null, below = 10000000000, periods = 3
      dimensions = { DBInstanceIdentifier = var.database_identifier }, text = "Less than 10 GB are free for the catalog."
    }
    catalog-cpu = {
      namespace  = "AWS/RDS", metric = "CPUUtilization", statistic = "Average", above = 85, below = null, periods = 10
      dimensions = { DBInstanceIdentifier = var.database_identifier }, text = "The catalog is at the limit of its processor."
    }
    queue-memory = {
      namespace  = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", statistic = "Maximum", above = 80, below = null, periods = 5
      dimensions = { ReplicationGroupId = var.queue_id }, text = "The queue's memory fills: nothing in it is evicted, so tasks will be refused."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = 60
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.above == null ? "LessThanThreshold" : "GreaterThanOrEqualToThreshold"
  threshold           = each.value.above == null ? each.value.below : each.value.above
  treat_missing_data  = "missing"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:footnote$%s", var.name)]
  }
  dynamic "notification" {
    for_each = length(var.emails) > 0 ? { 80 = "ACTUAL", 100 = "FORECASTED" } : {}
    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = tonumber(notification.key)
      threshold_type             = "PERCENTAGE"
      notification_type          = notification.value
      subscriber_email_addresses = var.emails
    }
  }
}

output "topic_arn" { value = aws_sns_topic.this.arn }
